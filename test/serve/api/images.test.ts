import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { defaultSeedArgument } from '../../../src/core/image.ts'
import { startHttpListener } from '../../../src/serve/http-listener.ts'
import type { ImageFiles } from '../../../src/serve/image-files.ts'
import { initrd, kernel, manifestOf, sha256 } from './image-data.ts'
import { management } from './management.ts'

type Management = Awaited<ReturnType<typeof management>>

const octets = { 'content-type': 'application/octet-stream' }
const send = ({ call }: Management, name: string, part: string, bytes: Uint8Array) =>
  call('PUT', `/images/${name}/files/${part}`, bytes, octets)

async function withImage(name: string) {
  const api = await management()
  await api.call('PUT', `/images/${name}`, manifestOf(name))
  await send(api, name, 'kernel', kernel)
  await send(api, name, 'initrd', initrd)
  return api
}

describe('an image', () => {
  test('is announced, filled, and becomes the default as the first', async () => {
    const api = await management()
    const announced = await api.call('PUT', '/images/worker-1', manifestOf('worker-1'))
    expect(announced.status).toBe(201)
    expect(await announced.json()).toEqual({
      name: 'worker-1',
      arch: 'x86_64',
      kernel: { sha256: sha256(kernel), size: kernel.length, present: false },
      initrd: { sha256: sha256(initrd), size: initrd.length, present: false },
      commandLine: 'init=/init console=ttyS0',
      seedArgument: defaultSeedArgument,
      created: '2026-11-22T12:00:00.000Z',
      ready: false,
      default: false,
      missing: ['kernel', 'initrd'],
    })
    const half = await send(api, 'worker-1', 'kernel', kernel)
    expect(half.status).toBe(200)
    expect(await half.json()).toMatchObject({ ready: false, missing: ['initrd'] })
    const whole = await send(api, 'worker-1', 'initrd', initrd)
    expect(await whole.json()).toMatchObject({ ready: true, default: true, missing: [] })
    const stored = readFileSync(join(api.directory, 'images', sha256(initrd)))
    expect(stored.equals(initrd)).toBe(true)
    const again = await api.call('PUT', '/images/worker-1', manifestOf('worker-1'))
    expect(again.status).toBe(200)
  })

  test('that shares a file is not asked for it again', async () => {
    const { call } = await withImage('worker-1')
    const other = manifestOf('worker-2', { initrd: new Uint8Array(10) })
    const announced = await call('PUT', '/images/worker-2', other)
    expect(await announced.json()).toMatchObject({ missing: ['initrd'], default: false })
    const names = (await (await call('GET', '/images')).json()) as { images: { name: string }[] }
    expect(names.images.map(({ name }) => name).sort()).toEqual(['worker-1', 'worker-2'])
    expect((await call('GET', '/images/worker-2')).status).toBe(200)
    expect((await call('GET', '/images/worker-3')).status).toBe(404)
  })

  test('that is ready does not change under its name', async () => {
    const { call } = await withImage('worker-1')
    const other = { ...manifestOf('worker-1'), commandLine: 'other' }
    const refused = await call('PUT', '/images/worker-1', other)
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({ conflicts: [{ field: 'commandLine' }] })
  })

  test('goes with its files, except those that another image has', async () => {
    const api = await withImage('worker-1')
    const small = new Uint8Array(10)
    await api.call('PUT', '/images/worker-2', manifestOf('worker-2', { initrd: small }))
    await send(api, 'worker-2', 'initrd', small)
    const remove = (name: string) => api.call('DELETE', `/images/${name}`)
    const kept = await remove('worker-1')
    expect(kept.status).toBe(409)
    expect(await kept.json()).toMatchObject({
      detail: expect.stringContaining('default') as string,
    })
    const chosen = await api.call('PUT', '/default-image', { name: 'worker-2' })
    expect(await chosen.json()).toMatchObject({ name: 'worker-2', default: true })
    expect((await remove('worker-1')).status).toBe(204)
    expect(readdirSync(join(api.directory, 'images')).sort()).toEqual(
      [sha256(kernel), sha256(small)].sort(),
    )
    expect((await remove('worker-1')).status).toBe(404)
  })
})

describe('bytes', () => {
  test.for([
    ['other ones', new Uint8Array(kernel.length), 'SHA-256'],
    ['too few', kernel.subarray(1), 'octets'],
    ['too many', new Uint8Array(kernel.length + 1), 'octets'],
  ] as const)(
    '%s than the manifest promises are refused and not kept',
    async ([, bytes, words]) => {
      const api = await management()
      await api.call('PUT', '/images/worker-1', manifestOf('worker-1'))
      const refused = await send(api, 'worker-1', 'kernel', bytes)
      expect(refused.status).toBe(422)
      const { errors } = (await refused.json()) as { errors: { field: string; problem: string }[] }
      expect(errors[0]?.field).toBe('kernel')
      expect(errors[0]?.problem).toContain(words)
      expect(readdirSync(join(api.directory, 'images'))).toEqual([])
    },
  )

  test('for an image that nobody announced', async () => {
    const api = await management()
    expect((await send(api, 'worker-1', 'kernel', kernel)).status).toBe(404)
  })

  test('that need not be sent at all: the answer arrives over a real connection', async () => {
    const { app, token } = await management()
    const listener = await startHttpListener({ app, address: '127.0.0.1', port: 0 })
    onTestFinished(() => listener.stop({ drainMs: 0 }))
    const refused = await fetch(
      `http://127.0.0.1:${listener.port}/api/v1/images/worker-1/files/kernel`,
      {
        method: 'PUT',
        body: new Blob([new Uint8Array(64 * 1024 ** 2)]),
        headers: { ...octets, authorization: `Bearer ${token}` },
      },
    )
    expect(refused.status).toBe(404)
    expect(await refused.json()).toMatchObject({
      detail: expect.stringContaining('manifest') as string,
    })
  })

  test('for a part that there is not', async () => {
    const api = await management()
    expect((await send(api, 'worker-1', 'modules', kernel)).status).toBe(422)
  })

  test('under another media type', async () => {
    const api = await management()
    await api.call('PUT', '/images/worker-1', manifestOf('worker-1'))
    const path = '/images/worker-1/files/kernel'
    expect((await api.call('PUT', path, kernel, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await api.call('PUT', path, {})).status).toBe(415)
  })

  test('when the disk is full, and when it breaks', async () => {
    const failing = (code: string): ImageFiles => ({
      has: () => false,
      path: () => '',
      keepOnly: () => undefined,
      receive: () => Promise.reject(Object.assign(new Error('write failed'), { code })),
    })
    for (const [code, status] of [
      ['ENOSPC', 507],
      ['EIO', 500],
    ] as const) {
      const api = await management({ imageFiles: failing(code) })
      await api.call('PUT', '/images/worker-1', manifestOf('worker-1'))
      expect((await send(api, 'worker-1', 'kernel', kernel)).status).toBe(status)
      expect(api.logged).toHaveLength(status === 500 ? 1 : 0)
    }
  })

  test('of an image that is removed while they come', async () => {
    const api = await management()
    await api.call('PUT', '/images/worker-1', manifestOf('worker-1'))
    const { imageFiles } = api
    const receive: ImageFiles['receive'] = async (bytes, promised) => {
      await api.call('DELETE', '/images/worker-1')
      return imageFiles.receive(bytes, promised)
    }
    const slow = await management({ store: api.store, imageFiles: { ...imageFiles, receive } })
    expect((await send(slow, 'worker-1', 'kernel', kernel)).status).toBe(404)
    expect(existsSync(join(api.directory, 'images', sha256(kernel)))).toBe(false)
  })
})

test.for([
  [{ name: 'other' }, 'name', 'the path says'],
  [{ schema: 2 }, 'schema', "must be '1'"],
  [{ arch: 'riscv64' }, 'arch', "'x86_64' or 'aarch64'"],
  [{ commandLine: 'a ${b}' }, 'commandLine', 'iPXE would expand'],
  [{ commandLine: 'x'.repeat(2000) }, 'commandLine', 'at most 1536'],
  [{ seedArgument: 'ds=nocloud' }, 'seedArgument', '{seed}'],
  [{ kernel: { sha256: 'x', size: 1 } }, 'kernel.sha256', 'not a SHA-256'],
  [{ initrd: { sha256: 'a'.repeat(64), size: 0 } }, 'initrd.size', 'at least 1'],
  [{ seedargument: 'x' }, 'seedargument', 'is not a field of an image: it has schema, name, arch'],
] as const)('a manifest with %j: %s', async ([change, field, words]) => {
  const { call } = await management()
  const refused = await call('PUT', '/images/worker-1', { ...manifestOf('worker-1'), ...change })
  expect(refused.status).toBe(422)
  const { errors } = (await refused.json()) as { errors: { field: string; problem: string }[] }
  expect(errors.map((each) => each.field)).toEqual([field])
  expect(errors[0]?.problem).toContain(words)
})

test('the default is an image that can be booted', async () => {
  const { call } = await management()
  expect((await call('PUT', '/default-image', { name: 'worker-1' })).status).toBe(404)
  await call('PUT', '/images/worker-1', manifestOf('worker-1'))
  const early = await call('PUT', '/default-image', { name: 'worker-1' })
  expect(early.status).toBe(409)
  expect(await early.json()).toMatchObject({
    detail: expect.stringContaining('kernel and initrd') as string,
  })
})
