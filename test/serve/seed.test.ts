import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { mostEvents } from '../../src/core/timeline.ts'
import type { BootId } from '../../src/values/ids.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, machine, macNumber } from '../support/inventory.ts'
import { base, fullDisk, here, provisioning, start } from './provisioning-scene.ts'

interface Captured {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}
const capture = JSON.parse(
  readFileSync(
    new URL('../golden/documents/cloud-init-22.4-requests.json', import.meta.url),
    'utf8',
  ),
) as readonly Captured[]

const stranger = ip('192.0.2.77')
const documents = ['network-config', 'meta-data', 'user-data', 'vendor-data'] as const

describe('the documents', () => {
  test('are all there, empty where there is nothing to say', async () => {
    const { ask, boot, worker, latest, events } = await provisioning()
    const { seed } = await boot()
    const texts: Record<string, string> = {}
    for (const document of documents) {
      const response = await ask(`${seed}${document}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('cache-control')).toBe('no-store')
      texts[document] = await response.text()
    }
    expect(texts).toEqual({
      'network-config': '',
      'meta-data': `instance-id: ${worker.id}\nlocal-hostname: worker-1\n`,
      'user-data': '',
      'vendor-data': `#cloud-config
reporting:
  rollcall:
    type: webhook
    endpoint: ${base}${seed}events
phone_home:
  url: ${base}${seed}phone-home
  post:
    - instance_id
    - hostname
    - fqdn
  tries: 10
`,
    })
    expect(latest()?.stage).toBe('seed')
    expect((await events()).slice(1)).toEqual(
      documents.map((document) => ({ kind: 'seed.sent', document })),
    )
  })

  test("the machine's own cloud-config is its user-data", async () => {
    const { ask, boot } = await provisioning({ machine: { cloudConfig: 'runcmd: [[true]]' } })
    const { seed } = await boot()
    expect(await (await ask(`${seed}user-data`)).text()).toBe('#cloud-config\nruncmd: [[true]]\n')
  })

  test('a machine renamed half-way keeps the name that its kernel was given', async () => {
    const { ask, boot, change, worker } = await provisioning()
    const { seed } = await boot()
    const renamed = machine('worker-2', { id: worker.id, macs: worker.macs })
    await change({ kind: 'machine.put', machine: renamed })
    expect(await (await ask(`${seed}meta-data`)).text()).toContain('local-hostname: worker-1')
  })

  test('HEAD reads nothing', async () => {
    const { ask, boot, latest } = await provisioning()
    const { seed } = await boot()
    expect((await ask(`${seed}meta-data`, { method: 'HEAD' })).status).toBe(200)
    expect(latest()?.stage).toBe('script')
  })
})

describe('who is refused', () => {
  const paths = [...documents.map((name) => ['GET', name] as const)]
  const posts = [
    ['POST', 'events'],
    ['POST', 'phone-home'],
  ] as const

  test.each(posts)('%s %s from another address', async (method, name) => {
    const { ask, boot, latest } = await provisioning()
    const { seed } = await boot()
    const sent = { body: 'hostname=worker-1' }
    const response = await ask(`${seed}${name}`, { method, from: stranger, ...sent })
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('foreign-address\n')
    expect(latest()).toMatchObject({ stage: 'script', outcome: 'running' })
  })

  test.each(documents)(
    '%s from another address is told, and brings nobody forward',
    async (name) => {
      const { ask, boot, latest, events } = await provisioning()
      const { seed } = await boot()
      const response = await ask(`${seed}${name}`, { from: stranger })
      expect(response.status).toBe(200)
      expect((await response.text()) === '').toBe(name === 'user-data' || name === 'network-config')
      const reason = 'asked from 192.0.2.77, but the machine holds 192.0.2.50'
      expect((await events()).at(-1)).toEqual({ kind: 'seed.elsewhere', document: name, reason })
      expect(latest()).toMatchObject({
        stage: 'script',
        outcome: 'running',
        problem: `${name} without secrets: ${reason}`,
      })
    },
  )

  test.each([...paths, ...posts])('%s %s of a seed that nobody minted', async (method, name) => {
    const { ask, boot, events } = await provisioning()
    await boot()
    const before = await events()
    const sent = method === 'POST' ? { body: 'hostname=worker-1' } : {}
    const path = `/seed/${'0'.repeat(26)}/${name}`
    expect((await ask(path, { method, ...sent })).status).toBe(404)
    expect(await events()).toEqual(before)
  })

  test('a lease that is over, and one that is gone to another machine', async () => {
    const { ask, boot, change, leased, time } = await provisioning()
    const { seed } = await boot()
    time.now = epochMs(start + 3_600_000)
    const home = { method: 'POST', body: 'hostname=worker-1' }
    expect((await ask(`${seed}phone-home`, home)).status).toBe(403)
    await change(leased(macNumber(9), here, { expires: epochMs(start + 9_999_999) }))
    expect((await ask(`${seed}phone-home`, home)).status).toBe(403)
  })

  test("a machine's second NIC is the machine too", async () => {
    const { ask, boot, change, leased } = await provisioning()
    const { seed } = await boot()
    const second = ip('192.0.2.51')
    const home = { method: 'POST', body: 'hostname=worker-1', from: second }
    expect((await ask(`${seed}phone-home`, home)).status).toBe(403)
    await change(leased(macNumber(2), second))
    expect((await ask(`${seed}phone-home`, home)).status).toBe(200)
  })

  test('the seed of a machine that was powered on again, or has left the inventory', async () => {
    const { ask, boot, change, worker, latest } = await provisioning()
    const { seed } = await boot()
    const { issued, ...current } = latest()!
    expect(issued).toBeDefined()
    await change({ kind: 'boot.put', boot: { ...current, id: 'next' as BootId, stage: 'ipxe' } })
    expect((await ask(`${seed}meta-data`)).status).toBe(404)
    const again = await boot()
    await change({ kind: 'machine.delete', id: worker.id })
    expect((await ask(`${again.seed}meta-data`)).status).toBe(404)
  })
})

describe('what the machine reports', () => {
  test('the whole conversation of cloud-init 22.4.2', async () => {
    const { ask, boot, latest, events } = await provisioning()
    const { seed } = await boot()
    for (const { method, path, headers, body } of capture) {
      const sent = body?.replace('hostname=w0&fqdn=w0', 'hostname=worker-1&fqdn=worker-1')
      const asked = { method, headers, ...(sent === undefined ? {} : { body: sent }) }
      expect((await ask(`${seed}${path}`, asked)).status).toBe(200)
    }
    const all = await events()
    const count = (kind: string): number => all.filter((event) => event.kind === kind).length
    expect([count('seed.sent'), count('cloud-init'), count('phone-home')]).toEqual([3, 61, 1])
    expect(latest()).toMatchObject({ stage: 'up', outcome: 'up' })
    expect(latest()?.problem).toBeUndefined()
  })

  test('another name than it was given', async () => {
    const { ask, boot, latest } = await provisioning()
    const { seed } = await boot()
    const body = 'instance_id=nocloud&hostname=localhost&fqdn=localhost'
    await ask(`${seed}phone-home`, { method: 'POST', body })
    expect(latest()).toMatchObject({
      outcome: 'misnamed',
      problem: "it phoned home as 'localhost'",
    })
  })

  test.each([
    ['events', 'no json', 400],
    ['events', '{}', 400],
    ['events', `{"name":"${'x'.repeat(65_536)}","event_type":"start"}`, 413],
    ['phone-home', '', 400],
    ['phone-home', `hostname=${'x'.repeat(65_536)}`, 413],
  ])('%s of %.30s', async (name, body, status) => {
    const { ask, boot } = await provisioning()
    const { seed } = await boot()
    expect((await ask(`${seed}${name}`, { method: 'POST', body })).status).toBe(status)
  })

  test('a client that never stops fills its timeline and no disk, and may still phone home', async () => {
    const { ask, boot, latest, events } = await provisioning()
    const { seed } = await boot()
    const body = '{"name":"loop","event_type":"start"}'
    for (let sent = 0; sent < mostEvents + 50; sent += 1) {
      expect((await ask(`${seed}events`, { method: 'POST', body })).status).toBe(200)
    }
    await ask(`${seed}phone-home`, { method: 'POST', body: 'hostname=worker-1' })
    expect(await events()).toHaveLength(mostEvents)
    expect(latest()?.outcome).toBe('up')
  })

  test('on a full disk: a report is lost and said so, phone home is asked to come again', async () => {
    const { boot, store } = await provisioning()
    const { seed } = await boot()
    const { ask, logged } = await provisioning({ store: fullDisk(store) })
    const event = '{"name":"x","event_type":"start"}'
    expect((await ask(`${seed}events`, { method: 'POST', body: event })).status).toBe(200)
    const home = await ask(`${seed}phone-home`, { method: 'POST', body: 'hostname=worker-1' })
    expect([home.status, home.headers.get('retry-after')]).toEqual([503, '5'])
    expect((await ask(`${seed}meta-data`)).status).toBe(200)
    expect(JSON.stringify(logged)).toContain('event lost')
  })
})

test('no log line has a seed key', async () => {
  const { store, ask, boot, logged } = await provisioning()
  const { seed, key } = await boot()
  const broken = await provisioning({ store: fullDisk(store) })
  for (const { ask: request } of [{ ask }, broken]) {
    for (const from of [here, stranger, undefined]) {
      for (const document of documents) await request(`${seed}${document}`, { from })
      for (const name of ['events', 'phone-home', 'nothing-like-it']) {
        await request(`${seed}${name}`, { from, method: 'POST', body: 'hostname=worker-1' })
      }
    }
  }
  const text = JSON.stringify([logged, broken.logged], (_, value: unknown) =>
    value instanceof Error ? `${value.stack}` : value,
  )
  expect(text).toContain('/seed/…/meta-data')
  expect(text).not.toContain(key)
  expect(JSON.stringify(await store.events({ limit: 1000 }))).not.toContain(key)
})
