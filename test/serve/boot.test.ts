import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { socketConnection } from '../../src/serve/connection.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { ip, macNumber } from '../support/inventory.ts'
import { base, fullDisk, here, provisioning } from './provisioning-scene.ts'

const path = '/boot/52-54-00-00-00-01.ipxe'
const loopback = ip('127.0.0.1')

describe('a boot script', () => {
  test('mints a boot; what is stored of its seed is a digest', async () => {
    const { ask, latest, events } = await provisioning()
    const response = await ask(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const script = await response.text()
    expect(script).toMatch(/^#!ipxe\n/)
    expect(script).toContain(`\nset kernel-url ${base}/images/worker-7/kernel\n`)

    const [, key = ''] = /\/seed\/([^/]*)\//.exec(script) ?? []
    expect(key).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
    const boot = latest()
    expect(boot).toMatchObject({ stage: 'script', issued: { hostname: 'worker-1' } })
    expect(boot?.issued?.seed).toBe(createHash('sha256').update(key).digest('hex'))
    expect(script).toContain(`\nset boot-id ${boot?.id}\n`)
    expect(await events()).toEqual([
      { kind: 'script.sent', image: 'worker-7', hostname: 'worker-1' },
    ])
  })

  test.each(['52:54:00:00:00:01', '52-54-00-00-00-02', '5254.0000.0001', '525400000001'])(
    'takes %s',
    async (mac) => {
      const { ask } = await provisioning()
      expect(await (await ask(`/boot/${mac}.ipxe`)).text()).toContain('set machine worker-1')
    },
  )

  test('another fetch mints another boot, and the seed before it is dead', async () => {
    const { ask, boot } = await provisioning()
    const first = await boot()
    expect((await ask(`${first.seed}meta-data`)).status).toBe(200)
    const second = await boot()
    expect(second.key).not.toBe(first.key)
    expect((await ask(`${first.seed}meta-data`)).status).toBe(404)
    expect((await ask(`${second.seed}meta-data`)).status).toBe(200)
  })

  test('HEAD mints nothing', async () => {
    const { ask, latest } = await provisioning()
    expect((await ask(path, { method: 'HEAD' })).status).toBe(200)
    expect(latest()).toBeUndefined()
  })

  test('a MAC that nobody registered', async () => {
    const { ask, strangers, events } = await provisioning()
    const response = await ask('/boot/52-54-00-00-00-99.ipxe', { from: ip('192.0.2.101') })
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('set asked-mac 52:54:00:00:00:99')
    expect(strangers).toEqual(['52:54:00:00:00:99 192.0.2.101'])
    expect(await events()).toEqual([])
  })

  test("whoever asks for another machine's script gets no seed, and is seen", async () => {
    const { ask, latest, events } = await provisioning()
    await ask(path)
    const issued = latest()?.issued
    const response = await ask(path, { from: ip('192.0.2.77') })
    const script = await response.text()
    expect(response.status).toBe(200) // iPXE must run it, to tell whoever stands in front of it
    expect(script).toContain('rollcall: ${reason}')
    expect(script).not.toContain('/seed/')
    expect(script).not.toContain('192.0.2.50')
    expect(latest()?.issued).toEqual(issued)
    const reason = "asked from 192.0.2.77, which is not this machine's address"
    expect(script).toContain(`set reason ${reason}\n`)
    expect((await events()).map(({ kind }) => kind)).toEqual(['script.sent', 'script.refused'])
  })

  test('the architecture that iPXE names decides too', async () => {
    const { ask } = await provisioning()
    expect(await (await ask(`${path}?arch=arm64`)).text()).toContain('is for x86_64')
    expect(await (await ask(`${path}?arch=i386`)).text()).toContain('set machine worker-1')
    expect(await (await ask(`${path}?arch=`)).text()).toContain('set machine worker-1')
    const hostile = encodeURIComponent('\u001b[31m\n; chain http://192.0.2.66/')
    const script = await (await ask(`${path}?arch=${hostile}`)).text()
    expect(script).toContain('set machine worker-1')
    expect(script).not.toContain('192.0.2.66')
  })

  test('what is no MAC', async () => {
    const { ask } = await provisioning()
    const response = await ask('/boot/rack12.ipxe')
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('is not a MAC address')
    expect((await ask('/boot/52-54-00-00-00-01')).status).toBe(404)
  })

  test('leaves after its boot is on the disk', async () => {
    const { store } = await provisioning()
    let commit = (): void => undefined
    const gate = new Promise<void>((resolve) => (commit = resolve))
    const slow: Store = {
      ...fullDisk(store),
      update: async (decide) => {
        const result = await store.update(decide)
        await gate
        return result
      },
    }
    const { ask } = await provisioning({ store: slow })
    let left = false
    const response = ask(path).then(() => (left = true))
    await store.events({ limit: 1 })
    expect(left).toBe(false)
    commit()
    await response
    expect(left).toBe(true)
  })

  test('a full disk keeps the machine in iPXE', async () => {
    const { store } = await provisioning()
    const { ask, logged } = await provisioning({ store: fullDisk(store) })
    const response = await ask(path)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('set reason the server cannot keep records for now\n')
    expect(JSON.stringify(logged)).toContain('no boot script could be made')
  })

  test('so does an image that should never have come in', async () => {
    const { ask, change, image, logged } = await provisioning()
    await change({ kind: 'image.put', image: { ...image, commandLine: 'a ; b' } })
    expect(await (await ask(path)).text()).toContain('set reason the server failed')
    expect(JSON.stringify(logged)).toContain('no boot script could be made')
  })
})

describe('over a socket', () => {
  test('the peer is who it is, and told the address that it dialled', async () => {
    const { listen } = await provisioning({
      connectionOf: socketConnection,
      machine: { address: loopback },
    })
    const { port } = await listen()
    const url = `http://127.0.0.1:${port}`
    const headers = { 'X-Forwarded-For': '192.0.2.50', Host: 'elsewhere.example' }
    const script = await (await fetch(`${url}${path}`, { headers })).text()
    expect(script).toContain(`set rollcall-url ${url}\n`)
    expect(script).toContain(`;s=${url}/seed/`)
  })

  test('no header makes an address', async () => {
    const { listen } = await provisioning({ connectionOf: socketConnection })
    const { port } = await listen()
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { 'X-Forwarded-For': '192.0.2.50', Forwarded: 'for=192.0.2.50' },
    })
    expect(await response.text()).toContain('asked from 127.0.0.1')
  })

  test('behind an address translation it says its public URL', async () => {
    const { ask } = await provisioning({ publicUrl: 'http://boot.example' })
    const script = await (await ask(path)).text()
    expect(script).toContain('set kernel-url http://boot.example/images/')
    expect(script).not.toContain(base)
  })
})

describe('boot files', () => {
  test('GET and HEAD, with the length that UEFI insists on', async () => {
    const { listen } = await provisioning({ connectionOf: socketConnection })
    const { port } = await listen()
    const url = `http://127.0.0.1:${port}/boot/files/ipxe.efi`
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '17'])
    const get = await fetch(url)
    expect([get.status, get.headers.get('content-length')]).toEqual([200, '17'])
    expect(await get.text()).toBe('the whole of iPXE')
  })

  test('are on the timeline', async () => {
    const { ask, events, latest } = await provisioning()
    await ask('/boot/files/ipxe.efi', { method: 'HEAD' })
    expect(await events()).toEqual([])
    await (await ask('/boot/files/ipxe.efi')).text()
    expect(await events()).toEqual([
      { kind: 'boot-file.sent', via: 'http', file: 'ipxe.efi', bytes: 17, ms: 0 },
    ])
    expect(latest()).toMatchObject({ mac: macNumber(1), stage: 'boot-file' })
  })

  test.each(['undionly.kpxe', '..%2Fsnponly.efi', '..%2f..%2fetc%2fpasswd', 'firmware.json', ''])(
    'no other name: %s',
    async (name) => {
      const { ask } = await provisioning()
      expect((await ask(`/boot/files/${name}`)).status).toBe(404)
    },
  )

  test.each(['/boot/autoexec.ipxe', '/boot/files/autoexec.ipxe', '/autoexec.ipxe'])(
    'iPXE of 2025 looks for its script: %s',
    async (autoexec) => {
      const { ask } = await provisioning()
      const response = await ask(autoexec, { from: here })
      expect(await response.text()).toContain(`#!ipxe\nset rollcall-url ${base}\n`)
    },
  )
})

test('an unknown path', async () => {
  const { ask } = await provisioning()
  expect((await ask('/')).status).toBe(404)
  expect((await ask('/metrics')).status).toBe(404)
  expect((await ask('/api/v1/machines')).status).toBe(404)
})

test('a store that is closed', async () => {
  const store = openSqliteStore({ path: ':memory:' })
  await store.close()
  const { ask } = await provisioning({ store })
  expect((await ask(path)).status).toBe(200)
})
