import { expect, test } from 'vitest'
import type { Change } from '../../../src/core/change.ts'
import type { Lease } from '../../../src/core/lease.ts'
import { Strangers } from '../../../src/serve/strangers.ts'
import { epochMs } from '../../../src/values/time.ts'
import { ip, macNumber, subnet } from '../../support/inventory.ts'
import { macOf, management, rack, start } from './management.ts'
import { ack, addMachine, happen } from './timeline.ts'

const rackSubnet = subnet()
const minute = 60_000

const lease = (n: number, state: Lease['state'], expires: number): Lease => ({
  mac: macNumber(n),
  subnet: rackSubnet.name,
  address: ip(`192.0.2.${100 + n}`),
  state,
  since: start,
  expires: epochMs(start + expires),
})

test('leases, by address, with their machines', async () => {
  const { call, store } = await management()
  await addMachine(store, 1)
  await store.update(() => ({
    changes: [
      { kind: 'subnet.put', subnet: rackSubnet },
      { kind: 'lease.put', lease: lease(3, 'released', minute) },
      { kind: 'lease.put', lease: lease(2, 'bound', -minute) },
      { kind: 'lease.put', lease: lease(1, 'bound', minute) },
    ],
    result: undefined,
  }))
  const { leases } = (await (await call('GET', '/leases')).json()) as { leases: object[] }
  expect(leases).toMatchObject([
    { address: '192.0.2.101', machine: 'w1', state: 'bound', subnet: 'rack', mac: macOf(1) },
    { address: '192.0.2.102', state: 'expired' },
    { address: '192.0.2.103', state: 'released', expires: '2026-11-22T12:01:00.000Z' },
  ])
  expect(leases[1]).not.toHaveProperty('machine')
  expect(await (await call('GET', '/leases?subnet=other')).json()).toEqual({ leases: [] })
})

test('a lease is forgotten, and its address is free', async () => {
  const { call, store } = await management()
  const held = lease(1, 'bound', minute)
  await store.update(() => ({
    changes: [
      { kind: 'subnet.put', subnet: subnet({ pool: '192.0.2.101-192.0.2.101' }) },
      { kind: 'lease.put', lease: held },
    ],
    result: undefined,
  }))
  const free = () => store.facts.unusedAddress(store.facts.subnet(rackSubnet.name)!, start)
  expect(free()).toBe(undefined)
  expect((await call('DELETE', '/leases/192.0.2.101')).status).toBe(204)
  expect(free()).toBe(held.address)
  expect(await (await call('GET', '/leases')).json()).toEqual({ leases: [] })
  const gone = await call('DELETE', '/leases/192.0.2.101')
  expect(gone.status).toBe(404)
  expect(await gone.json()).toMatchObject({ detail: 'there is no lease on 192.0.2.101' })
  expect((await call('DELETE', '/leases/x')).status).toBe(422)
})

test('why a stranger has no address', async () => {
  const strangers = new Strangers()
  strangers.saw({ mac: macNumber(9), subnet: rackSubnet.name }, start)
  const { call, store } = await management({ strangers: () => strangers.list() })
  const put = (...changes: readonly Change[]) =>
    store.update(() => ({ changes, result: undefined }))
  const reason = async () => {
    const { unregistered } = (await (await call('GET', '/unregistered')).json()) as {
      unregistered: { noAddress?: string }[]
    }
    return unregistered[0]?.noAddress
  }
  expect(await reason()).toBe(undefined)
  await put({ kind: 'subnet.put', subnet: subnet({ unregistered: 'ignore' }) })
  expect(await reason()).toBe('ignored')
  await put({ kind: 'subnet.put', subnet: subnet({ pool: '192.0.2.101-192.0.2.101' }) })
  expect(await reason()).toBe(undefined)
  await put({ kind: 'lease.put', lease: lease(1, 'bound', minute) })
  expect(await reason()).toBe('pool-empty')
  strangers.saw({ mac: macNumber(9), address: ip('192.0.2.101') }, start)
  expect(await reason()).toBe(undefined)
})

test('strangers, until they are registered', async () => {
  const strangers = new Strangers()
  strangers.saw({ mac: macNumber(1), kind: 'pxe', arch: 7, subnet: rackSubnet.name }, start)
  strangers.saw({ mac: macNumber(2), address: ip('192.0.2.9') }, epochMs(start + minute))
  const { call } = await management({ strangers: () => strangers.list() })
  const list = async () => (await (await call('GET', '/unregistered')).json()) as object
  expect(await list()).toEqual({
    unregistered: [
      {
        mac: macOf(2),
        firstSeen: '2026-11-22T12:01:00.000Z',
        lastSeen: '2026-11-22T12:01:00.000Z',
        address: '192.0.2.9',
      },
      {
        mac: macOf(1),
        firstSeen: '2026-11-22T12:00:00.000Z',
        lastSeen: '2026-11-22T12:00:00.000Z',
        client: 'pxe',
        arch: 7,
        subnet: 'rack',
      },
    ],
  })
  await call('PUT', '/machines/one', { macs: [macOf(2)] })
  expect(await list()).toMatchObject({ unregistered: [{ mac: macOf(1) }] })
})

test('the status counts', async () => {
  const { call, store } = await management()
  await call('PUT', '/subnets/rack', rack)
  await addMachine(store, 1)
  await addMachine(store, 2)
  await happen(store, 1, ack)
  expect(await (await call('GET', '/status')).json()).toEqual({
    version: '0.0.0-test',
    machines: 2,
    subnets: 1,
    images: 0,
    leases: 0,
    boots: { running: 1, up: 0, misnamed: 0, never: 1 },
    secrets: expect.objectContaining({ state: 'none', sealed: 0, closed: 0 }),
  })
})
