import { createHash, randomBytes } from 'node:crypto'
import tftp2 from 'tftp2'
import { describe, expect, test } from 'vitest'
import { fetchLikeIpxe, fetchLikeOvmf, fetchTftp } from '../../src/simulator/tftp.ts'
import { Hand, serve } from './tftp-hand.ts'
import { readRequest } from '../core/tftp-scene.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('hundreds of machines at once, among them some that vanish', async () => {
  const file = randomBytes(100_003)
  const patience = { firstMs: 100, longestMs: 200, sends: 8 }
  const { server, target, events, ended } = await serve({ file }, { patience, maxPerAddress: 1000 })
  const lost = await Promise.all(Array.from({ length: 20 }, () => Hand.open()))
  for (const hand of lost) hand.say(server.port, readRequest({ blksize: 1468, windowsize: 4 }))
  const request = { ...target, file: 'file', timeoutMs: 25_000 }
  const crowd = Array.from({ length: 400 }, (_, index) => {
    switch (index % 4) {
      case 0:
        return fetchLikeOvmf(request)
      case 1:
        return fetchLikeIpxe(request)
      case 2:
        return fetchTftp(request)
      default:
        return fetchTftp({ ...request, options: { blksize: 1468, windowsize: 64 } })
    }
  })
  const sums = new Set((await Promise.all(crowd)).map(({ bytes }) => sha256(bytes)))
  expect([...sums]).toEqual([sha256(file)])
  await ended('completed', 400)
  await ended('timed-out', 20)
  expect(server.running).toBe(0)
  expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(520)
  for (const hand of lost) hand.close()
  await server.stop()
})

describe("tftp2's client", () => {
  test.each([0, 1, 511, 512, 513, 1024, 100_000])('fetches %i octets', async (size) => {
    const file = randomBytes(size)
    const { server, target, ended } = await serve({ file })
    const client = tftp2(target.host, target.port)
    const blocks: Buffer[] = []
    await client.read(
      'file',
      (block) => blocks.push(block),
      () => undefined,
    )
    await ended('completed')
    client.close()
    await server.stop()
    expect(Buffer.concat(blocks).equals(file)).toBe(true)
  })

  test('fetches two files through one port', async () => {
    const files = { one: randomBytes(700), two: randomBytes(1300) }
    const { server, target, ended } = await serve(files)
    const client = tftp2(target.host, target.port)
    const blocks: Buffer[] = []
    await client.read(
      'one',
      (block) => blocks.push(block),
      () => undefined,
    )
    await client.read(
      'two',
      (block) => blocks.push(block),
      () => undefined,
    )
    const events = await ended('completed', 2)
    expect(new Set(events.map(({ peer }) => peer.port)).size).toBe(1)
    client.close()
    await server.stop()
    expect(Buffer.concat(blocks).equals(Buffer.concat([files.one, files.two]))).toBe(true)
  })
})
