import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { parseIpv4 } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import {
  fetchLikeIpxe,
  fetchLikeOvmf,
  fetchTftp,
  TftpFetchError,
} from '../../src/simulator/tftp.ts'
import type { TftpMessage } from '../../src/wire/tftp.ts'
import { ack, error, readRequest } from '../core/tftp-scene.ts'
import { Hand, quick, serve, type Served } from './tftp-hand.ts'

const file = randomBytes(173_792)
const files = { file, other: randomBytes(1000), empty: Buffer.alloc(0) }

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function served(...options: Parameters<typeof serve>): Promise<Served> {
  const found = await serve(...options)
  closing.push(() => found.server.stop({ drainMs: 0 }))
  return found
}

async function hand(): Promise<Hand> {
  const found = await Hand.open()
  closing.push(() => found.close())
  return found
}

/** Repeats soon, but goes on for long after. */
const slow = { firstMs: 100, longestMs: 60_000, sends: 10 }

const localhost = must(parseIpv4('127.0.0.1'))

describe('what firmware does', () => {
  test('OVMF: the size first, then the file in windows of 4', async () => {
    const { target, events, ended } = await served(files)
    const { bytes, oack } = await fetchLikeOvmf({ ...target, file: 'file' })
    expect(bytes.equals(file)).toBe(true)
    expect(oack).toEqual(new Map([['blksize', '1468'], ['windowsize', '4']])) // prettier-ignore
    await ended('completed')
    expect(events.map(({ kind }) => kind)).toEqual(['started', 'declined', 'started', 'completed'])
    expect(events[0]).toEqual({
      kind: 'started',
      peer: { address: localhost, port: expect.any(Number) },
      file: 'file',
      transfer: 1,
      size: 173_792,
      blockSize: 1468,
      windowSize: 4,
    })
    expect(events[1]).toMatchObject({
      reason: 'ERROR 8 from the client: User aborted the transfer',
      bytes: 0,
    })
    expect(events[3]).toEqual({
      kind: 'completed',
      peer: events[2]?.peer,
      file: 'file',
      transfer: 2,
      bytes: 173_792,
      retransmits: 0,
      ms: expect.any(Number),
    })
  })

  test('iPXE: one request, blocks of 1432', async () => {
    const { target, ended } = await served(files)
    const { bytes, oack } = await fetchLikeIpxe({ ...target, file: '/file' })
    expect(bytes.equals(file)).toBe(true)
    expect(oack?.get('tsize')).toBe('173792')
    await ended('completed')
  })

  test('an old ROM: no options at all', async () => {
    const { target } = await served(files)
    const { bytes, oack } = await fetchTftp({ ...target, file: 'file' })
    expect(bytes.equals(file)).toBe(true)
    expect(oack).toBeUndefined()
  })

  test.each([1, 7, 64])('a window of %i', async (windowsize) => {
    const { target } = await served(files)
    const options = { blksize: 1000, windowsize, tsize: 0, timeout: 2 }
    const { bytes, oack } = await fetchTftp({ ...target, file: 'file', options })
    expect(bytes.equals(file)).toBe(true)
    expect(oack?.get('windowsize')).toBe(String(windowsize))
  })
})

describe('refusals', () => {
  test.each<readonly [string, TftpMessage, number]>([
    ['not found', readRequest({}, 'nothing'), 1],
    ['a way out', readRequest({}, '../file'), 1],
    ['a property of every object', readRequest({}, 'constructor'), 1],
    ['a write', { op: 'wrq', file: 'file', mode: 'octet', options: [] }, 2],
    ['netascii', { op: 'rrq', file: 'file', mode: 'netascii', options: [] }, 4],
  ])('%s', async (_what, request, code) => {
    const { server, events } = await served(files)
    const client = await hand()
    client.say(server.port, request)
    const { message, port } = await client.hears()
    expect(message).toMatchObject({ op: 'error', code })
    expect(port).not.toBe(server.port)
    expect(events).toMatchObject([{ kind: 'refused', peer: { port: client.port }, code }])
    expect(server.running).toBe(0)
  })

  test('are errors to the simulated client too', async () => {
    const { target } = await served(files)
    const fetch = fetchTftp({ ...target, file: 'nothing' })
    await expect(fetch).rejects.toThrow(new TftpFetchError('nothing: file not found: nothing', 1))
  })

  test('what is no request gets no answer', async () => {
    const { server, events } = await served(files)
    const client = await hand()
    for (const packet of [ack(1), error(0), Buffer.alloc(0), Buffer.from('hello')]) {
      client.say(server.port, packet)
    }
    client.say(server.port, readRequest({}, 'nothing'))
    expect(await client.hears()).toMatchObject({ message: { op: 'error', code: 1 } })
    expect(server.drops.malformed).toBe(4)
    expect(client.unread).toEqual([])
    expect(events).toHaveLength(1)
  })
})

describe('transfer identifiers (RFC 1350 section 4)', () => {
  test('each transfer has its own port, which is not the listening one', async () => {
    const { server } = await served(files)
    const [one, two] = [await hand(), await hand()]
    one.say(server.port, readRequest())
    two.say(server.port, readRequest())
    const ports = [server.port, (await one.hears()).port, (await two.hears()).port]
    expect(new Set(ports).size).toBe(3)
  })

  test('a stranger gets ERROR 5, an ERROR of a stranger gets nothing, and the transfer goes on', async () => {
    const { server, ended } = await served(files)
    const [client, stranger] = [await hand(), await hand()]
    client.say(server.port, readRequest({}, 'other'))
    const { port } = await client.hears()
    stranger.say(port, error(0))
    stranger.say(port, Buffer.from('hello'))
    stranger.say(port, ack(1))
    expect(await stranger.hears()).toMatchObject({ message: { op: 'error', code: 5 }, port })
    expect(server.drops.strangers).toBe(3)
    expect([client.unread, stranger.unread]).toEqual([[], []])
    client.say(port, ack(1))
    expect(await client.hears()).toMatchObject({ message: { op: 'data', block: 2 } })
    client.say(port, ack(2))
    await ended('completed')
  })

  test('a repeated request starts no second transfer', async () => {
    const { server, events } = await served(files)
    const client = await hand()
    for (let count = 0; count < 3; count += 1) client.say(server.port, readRequest())
    expect(await client.hears()).toMatchObject({ message: { op: 'data', block: 1 } })
    expect(server.drops.repeated).toBe(2)
    expect(server.running).toBe(1)
    expect(events.map(({ kind }) => kind)).toEqual(['started'])
    expect(client.unread).toEqual([])
  })

  test('the same port asking for another file starts afresh, and hears nothing of the old transfer', async () => {
    const { server, events, ended } = await served(files)
    const client = await hand()
    client.say(server.port, readRequest())
    const old = await client.hears()
    client.say(server.port, readRequest({}, 'empty'))
    const fresh = await client.hears()
    expect(fresh).toMatchObject({ message: { op: 'data', block: 1, data: Buffer.alloc(0) } })
    expect(fresh.port).not.toBe(old.port)
    client.say(fresh.port, ack(1))
    await ended('completed')
    expect(client.unread).toEqual([])
    expect(server.running).toBe(0)
    expect(events).toMatchObject([
      { kind: 'started', file: 'file' },
      { kind: 'started', file: 'empty' },
      { kind: 'aborted', file: 'file', reason: 'the client started afresh' },
      { kind: 'completed', file: 'empty' },
    ])
  })
})

describe('a client that vanishes', () => {
  test('is given up, and its place is free again', async () => {
    const { server, ended } = await served(files, { patience: quick, maxTransfers: 1 })
    const client = await hand()
    client.say(server.port, readRequest({ tsize: 0 }))
    const [event] = await ended('timed-out')
    expect(event).toMatchObject({ reason: 'no answer to the OACK', bytes: 0, retransmits: 3 })
    expect(client.unread).toHaveLength(4)
    expect(server.running).toBe(0)
  })

  test('also while the clock is set back', async () => {
    let now = 1_700_000_000_000
    const clock = (): ReturnType<typeof epochMs> => epochMs((now -= 3_600_000))
    const { server, ended } = await served(files, { patience: quick, clock })
    const client = await hand()
    client.say(server.port, readRequest())
    await ended('timed-out')
    expect(client.unread).toHaveLength(4)
  })
})

test('beyond the bound a request is dropped, and served when it is repeated later', async () => {
  const { server, ended } = await served(files, { maxTransfers: 1 })
  const [first, second] = [await hand(), await hand()]
  first.say(server.port, readRequest({}, 'empty'))
  const { port } = await first.hears()
  second.say(server.port, readRequest({}, 'empty'))
  second.say(server.port, readRequest({}, 'nothing')) // refused all the same, which shows the order
  expect(await second.hears()).toMatchObject({ message: { op: 'error', code: 1 } })
  expect(server.drops.busy).toBe(1)
  first.say(port, ack(1))
  await ended('completed')
  second.say(server.port, readRequest({}, 'empty'))
  expect(await second.hears()).toMatchObject({ message: { op: 'data', block: 1 } })
})

describe('silent requests by the hundred', () => {
  test('from one address leave room for the others, and for one of its own that answers', async () => {
    const { server, ended } = await served(files, { patience: slow, maxPerAddress: 2 })
    const hands = [await hand(), await hand(), await hand()]
    const [first, second, third] = hands as [Hand, Hand, Hand]
    for (const client of [first, second, third]) client.say(server.port, readRequest({}, 'empty'))
    for (const client of [first, second]) await client.hears()
    expect(server.drops.busy).toBe(1)
    expect(server.running).toBe(2)
    for (const client of [first, second]) await client.hears() // repeated: it was given its time
    third.say(server.port, readRequest({}, 'empty'))
    expect(await ended('evicted')).toMatchObject([{ peer: { port: first.port }, bytes: 0 }])
    const { port } = await third.hears()
    third.say(port, ack(1))
    await ended('completed')
    expect(first.unread).toEqual([])
  })

  test('do not take the place of a transfer that is answered', async () => {
    const { server, ended } = await served(files, { patience: slow, maxTransfers: 2 })
    const hands = [await hand(), await hand(), await hand()]
    const [busy, silent, late] = hands as [Hand, Hand, Hand]
    busy.say(server.port, readRequest({}, 'other'))
    const { port } = await busy.hears()
    busy.say(port, ack(1))
    expect(await busy.hears()).toMatchObject({ message: { op: 'data', block: 2 } })
    silent.say(server.port, readRequest({}, 'empty'))
    await silent.hears()
    await silent.hears()
    late.say(server.port, readRequest({}, 'empty'))
    expect(await ended('evicted')).toMatchObject([{ peer: { port: silent.port } }])
    await late.hears()
    busy.say(port, ack(2))
    await ended('completed')
  })
})

describe('stop', () => {
  test('lets a transfer end', async () => {
    const { server, events } = await served(files)
    const client = await hand()
    client.say(server.port, readRequest({}, 'empty'))
    const { port } = await client.hears()
    const stopped = server.stop({ drainMs: 10_000 })
    client.say(port, ack(1))
    await stopped
    expect(events.at(-1)?.kind).toBe('completed')
  })

  test('aborts what runs longer, and says so', async () => {
    const { server, events } = await served(files)
    const client = await hand()
    client.say(server.port, readRequest())
    await client.hears()
    await Promise.all([server.stop({ drainMs: 10 }), server.stop()])
    expect((await client.hears()).message).toEqual(error(0, 'the server is stopping'))
    expect(events.at(-1)).toMatchObject({ kind: 'aborted', reason: 'the server is stopping' })
    expect(server.running).toBe(0)
  })

  test('frees the port', async () => {
    const { server } = await served(files)
    const { port } = server
    await expect(serve(files, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await server.stop()
    await served(files, { port })
  })
})
