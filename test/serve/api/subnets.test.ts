import { expect, test } from 'vitest'
import { macOf, management, rack } from './management.ts'

test('a subnet is added, read, listed, changed and removed', async () => {
  const { call } = await management()
  const full = {
    ...rack,
    dns: ['192.0.2.53'],
    domain: 'rack.example.org',
    ntp: ['192.0.2.54'],
    leaseTime: 600,
    unregistered: 'serve',
  }
  const added = await call('PUT', '/subnets/rack-1', full)
  expect(added.status).toBe(201)
  expect(added.headers.get('location')).toBe('/api/v1/subnets/rack-1')
  const view = { name: 'rack-1', ...full, version: 1 }
  expect(await added.json()).toEqual(view)
  const read = await call('GET', '/subnets/rack-1')
  expect(await read.json()).toEqual(view)
  const tag = read.headers.get('etag')!
  const same = await call('GET', '/subnets/rack-1', undefined, { 'if-none-match': tag })
  expect(same.status).toBe(304)
  expect(await (await call('GET', '/subnets')).json()).toEqual({ subnets: [view] })
  const changed = await call('PUT', '/subnets/rack-1', { network: rack.network })
  expect(changed.status).toBe(200)
  expect(await changed.json()).toEqual({
    name: 'rack-1',
    network: '192.0.2.0/24',
    pools: [],
    dns: [],
    ntp: [],
    leaseTime: 3600,
    unregistered: 'ignore',
    version: 2,
  })
  const late = await call('DELETE', '/subnets/rack-1', undefined, { 'if-match': tag })
  expect(late.status).toBe(412)
  expect((await call('PUT', '/subnets/rack-1', rack, { 'if-match': tag })).status).toBe(412)
  expect((await call('DELETE', '/subnets/rack-1')).status).toBe(204)
  expect((await call('DELETE', '/subnets/rack-1')).status).toBe(404)
  expect((await call('GET', '/subnets/rack-1')).status).toBe(404)
})

test.for([
  [{}, 'network', 'is missing'],
  [{ network: '192.0.2.1/24' }, 'network', 'did you mean 192.0.2.0/24'],
  [{ network: '192.0.2.0/31' }, 'network', 'from /8 to /30'],
  [{ network: '192.0.2.0/24', pools: ['192.0.3.1-192.0.3.9'] }, 'pools[0]', 'is not inside'],
  [
    { network: '192.0.2.0/24', pools: ['192.0.2.9-192.0.2.1'] },
    'pools[0]',
    'ends before it begins',
  ],
  [{ network: '192.0.2.0/24', router: '192.0.3.1' }, 'router', 'is not inside'],
  [{ network: '192.0.2.0/24', domain: 'a_b' }, 'domain', 'is not a DNS domain'],
  [{ network: '192.0.2.0/24', leaseTime: 0 }, 'leaseTime', 'at least 1'],
  [{ network: '192.0.2.0/24', leaseTime: 0xffffffff }, 'leaseTime', 'at most 4294967294'],
  [{ network: '192.0.2.0/24', leaseTime: 1.5 }, 'leaseTime', 'whole number'],
  [{ network: '192.0.2.0/24', unregistered: 'no' }, 'unregistered', "'serve' or 'ignore'"],
] as const)('%j: %s %s', async ([body, field, words]) => {
  const { call } = await management()
  const refused = await call('PUT', '/subnets/rack-1', body)
  expect(refused.status).toBe(422)
  const { errors } = (await refused.json()) as { errors: { field: string; problem: string }[] }
  expect(errors.map((each) => each.field)).toEqual([field])
  expect(errors[0]?.problem).toContain(words)
})

test('what overlaps, or would leave a machine without its address, names the other side', async () => {
  const { call } = await management()
  await call('PUT', '/subnets/rack-1', rack)
  await call('PUT', '/machines/one', { macs: [macOf(1)], address: '192.0.2.50' })
  const overlapping = await call('PUT', '/subnets/rack-2', { network: '192.0.2.128/25' })
  expect(overlapping.status).toBe(409)
  expect(await overlapping.json()).toMatchObject({
    detail: '192.0.2.128/25 overlaps 192.0.2.0/24 of subnet rack-1',
    conflicts: [{ field: 'network', value: '192.0.2.128/25', holder: 'rack-1' }],
  })
  const conflicts = [{ field: 'address', value: '192.0.2.50', holder: 'one' }]
  const shrunk = await call('PUT', '/subnets/rack-1', { network: '192.0.2.128/25' })
  expect(shrunk.status).toBe(409)
  expect(await shrunk.json()).toMatchObject({ conflicts })
  const removed = await call('DELETE', '/subnets/rack-1')
  expect(removed.status).toBe(409)
  expect(await removed.json()).toMatchObject({ conflicts })
})
