import { writeFileSync } from 'node:fs'
import { Agent, get, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { BootEvent } from '../../src/core/boot-event.ts'
import { socketConnection } from '../../src/serve/connection.ts'
import { ip } from '../support/inventory.ts'
import { pattern, provisioning } from './provisioning-scene.ts'

const path = '/images/worker-7/kernel'

describe('an image', () => {
  test('kernel and initrd, whole', async () => {
    const { ask, kernel, initrd, image } = await provisioning()
    for (const [part, bytes] of Object.entries({ kernel, initrd })) {
      const response = await ask(`/images/worker-7/${part}`)
      expect(response.status).toBe(200)
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-length': String(bytes.length),
        'content-type': 'application/octet-stream',
        'accept-ranges': 'bytes',
        etag: `"${image.files[part === 'kernel' ? 'kernel' : 'initrd'].sha256}"`,
      })
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true)
    }
  })

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=1048570-1048590', 1_048_570, 1_048_591], // over the edge of a slice
    ['bytes=2999999-', 2_999_999, 3_000_000],
    ['bytes=-5', 2_999_995, 3_000_000],
    ['bytes=0-', 0, 3_000_000],
  ])('%s', async (range, from, to) => {
    const { ask, kernel } = await provisioning()
    const response = await ask(path, { headers: { Range: range } })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/3000000`)
    expect(response.headers.get('content-length')).toBe(String(to - from))
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.equals(kernel.subarray(from, to))).toBe(true)
  })

  test('a range that is not there', async () => {
    const { ask } = await provisioning()
    const response = await ask(path, { headers: { Range: 'bytes=3000000-' } })
    expect(response.status).toBe(416)
    expect(response.headers.get('content-range')).toBe('bytes */3000000')
  })

  test('several ranges are answered with the whole', async () => {
    const { ask } = await provisioning()
    const response = await ask(path, { headers: { Range: 'bytes=0-1,5-6' } })
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '3000000'])
    await response.body?.cancel()
  })

  test('HEAD', async () => {
    const { ask, events } = await provisioning()
    const response = await ask(path, { method: 'HEAD', headers: { Range: 'bytes=0-1' } })
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '3000000'])
    expect(await response.text()).toBe('')
    expect(await events()).toEqual([])
  })

  test('If-None-Match and If-Range', async () => {
    const { ask, image } = await provisioning()
    const etag = `"${image.files.kernel.sha256}"`
    const status = async (headers: Record<string, string>): Promise<number> => {
      const response = await ask(path, { headers })
      await response.body?.cancel()
      return response.status
    }
    const Range = 'bytes=0-1'
    expect(await status({ 'If-None-Match': etag })).toBe(304)
    expect(await status({ 'If-None-Match': `"x", W/${etag}` })).toBe(304)
    expect(await status({ 'If-None-Match': '*' })).toBe(304)
    expect(await status({ 'If-None-Match': '"x"' })).toBe(200)
    expect(await status({ Range, 'If-Range': etag })).toBe(206)
    expect(await status({ Range, 'If-Range': `W/${etag}` })).toBe(200)
    expect(await status({ Range, 'If-Range': '"x"' })).toBe(200)
    expect(await status({ Range, 'If-Range': 'Sun, 22 Nov 2026 12:00:00 GMT' })).toBe(200)
  })

  test.each(['/images/worker-8/kernel', '/images/worker-7/squashfs', '/images/..%2fx/kernel'])(
    'nothing else: %s',
    async (other) => {
      const { ask } = await provisioning()
      expect((await ask(other)).status).toBe(404)
    },
  )

  test('one that has not arrived whole', async () => {
    const { ask, change, image } = await provisioning()
    await change({ kind: 'image.put', image: { ...image, ready: false } })
    expect((await ask(path)).status).toBe(503)
  })

  test('one that is damaged on the disk is not sent, and the timeline says why', async () => {
    const kernel = pattern(5000)
    const { ask, change, image, images, blobPath, events, logged } = await provisioning({ kernel })
    const sha256 = 'f'.repeat(64) as typeof image.files.kernel.sha256
    writeFileSync(blobPath(sha256), kernel)
    const files = { ...image.files, kernel: { sha256, size: kernel.length } }
    await change({ kind: 'image.put', image: { ...image, files } })
    await images.ready()
    expect((await ask(path)).status).toBe(503)
    expect(await events()).toEqual([
      {
        kind: 'image.failed',
        part: 'kernel',
        bytes: 0,
        reason: 'the file is damaged on the server; its log says how',
      },
    ])
    expect(JSON.stringify(logged)).toContain('does not match its hash')
  })
})

describe('the timeline', () => {
  const sent = (bytes: number): BootEvent => ({ kind: 'image.sent', part: 'kernel', bytes, ms: 0 })

  test('has a transfer when it has ended, with a resumed one told by its last range', async () => {
    const { ask, events } = await provisioning()
    const read = async (headers: Record<string, string> = {}): Promise<readonly BootEvent[]> => {
      await (await ask(path, { headers })).arrayBuffer()
      return events()
    }
    expect(await read()).toEqual([sent(3_000_000)])
    expect(await read({ Range: 'bytes=0-99' })).toEqual([sent(3_000_000)])
    expect(await read({ Range: 'bytes=100-' })).toEqual([sent(3_000_000), sent(2_999_900)])
  })

  test('has nothing of who is no machine', async () => {
    const { ask, events } = await provisioning()
    await (await ask(path, { from: ip('192.0.2.77') })).arrayBuffer()
    await (await ask(path, { from: undefined })).arrayBuffer()
    expect(await events()).toEqual([])
  })

  test('an end that comes late stays out of the next boot', async () => {
    const { ask, boot, events } = await provisioning()
    await boot()
    const response = await ask(path)
    await boot()
    await response.arrayBuffer()
    expect((await events()).map(({ kind }) => kind)).toEqual(['script.sent', 'script.sent'])
  })
})

describe('over a socket', () => {
  const scene = async (kernel?: Buffer) => {
    const made = await provisioning({
      connectionOf: socketConnection,
      machine: { address: ip('127.0.0.1') },
      ...(kernel === undefined ? {} : { kernel }),
    })
    const { port } = await made.listen()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const open = (url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
      new Promise((resolve, reject) =>
        get({ port, host: '127.0.0.1', path: url, agent, headers }, resolve).on('error', reject),
      )
    /** The timeline is written after the last octet has left, and so after the client has it. */
    const eventually = async (kind: BootEvent['kind']): Promise<BootEvent> => {
      for (;;) {
        const found = (await made.events()).find((event) => event.kind === kind)
        if (found !== undefined) return found
        await sleep(5)
      }
    }
    return { ...made, open, eventually }
  }

  test('one connection carries it all', async () => {
    const { open, kernel, initrd, eventually } = await scene()
    const first = await open(path)
    const { localPort } = first.socket
    expect((await buffer(first)).equals(kernel)).toBe(true)
    const second = await open('/images/worker-7/initrd', { Range: 'bytes=10-' })
    expect(second.statusCode).toBe(206)
    expect(second.socket.localPort).toBe(localPort)
    expect((await buffer(second)).equals(initrd.subarray(10))).toBe(true)
    expect(await eventually('image.sent')).toMatchObject({ part: 'kernel', bytes: 3_000_000 })
  })

  test('who stops reading is not read ahead for, and one who goes away is noticed', async () => {
    const kernel = pattern(128 * 1024 * 1024)
    const { open, eventually } = await scene(kernel)
    const response = await open(path)
    response.pause()
    // Time for the server to do too much. A machine too slow for that can't make this test fail.
    await sleep(300)
    response.socket.destroy()
    const failed = await eventually('image.failed')
    expect(failed).toMatchObject({ part: 'kernel', reason: 'the connection broke off' })
    // What the kernel's socket buffers take, a few megabytes at each end, and two slices.
    expect((failed as { bytes: number }).bytes).toBeLessThan(kernel.length / 4)
  })

  test('many at once get the same bytes', async () => {
    const { kernel, listen } = await scene()
    const { port } = await listen()
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`)
        return Buffer.from(await response.arrayBuffer()).equals(kernel)
      }),
    )
    expect(all.every(Boolean)).toBe(true)
  })
})
