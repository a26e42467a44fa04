import { describe, expect, test } from 'vitest'
import { macOf, management, rack } from './management.ts'

const one = { macs: [macOf(1)], address: '192.0.2.50', labels: { rack: 'r1' } }

async function withOne() {
  const api = await management()
  await api.call('PUT', '/subnets/rack', rack)
  const added = await api.call('PUT', '/machines/one', one)
  return { ...api, added, etag: added.headers.get('etag')! }
}

describe('PUT and GET', () => {
  test('a machine is added, read by every name, and changed', async () => {
    const { call, added, etag, time } = await withOne()
    expect(added.status).toBe(201)
    expect(added.headers.get('location')).toBe('/api/v1/machines/one')
    const record = {
      id: expect.stringMatching(/^i-[0-9a-z]{16}$/) as string,
      hostname: 'one',
      ...one,
      version: 1,
      created: '2026-11-22T12:00:00.000Z',
      updated: '2026-11-22T12:00:00.000Z',
    }
    expect(await added.json()).toEqual(record)
    for (const path of ['one', macOf(1), '52-54-00-00-00-01', '5254.0000.0001', '525400000001']) {
      const read = await call('GET', `/machines/${path}`)
      expect(read.status).toBe(200)
      expect(read.headers.get('etag')).toBe(etag)
      expect(await read.json()).toEqual(record)
    }
    time.now = (time.now + 60_000) as typeof time.now
    const changed = await call('PUT', '/machines/one', { ...one, serial: 'S1' })
    expect(changed.status).toBe(200)
    expect(changed.headers.get('etag')).not.toBe(etag)
    expect(await changed.json()).toEqual({
      ...record,
      serial: 'S1',
      version: 2,
      updated: '2026-11-22T12:01:00.000Z',
    })
  })

  test('the same record again is no change', async () => {
    const { call, etag } = await withOne()
    const again = await call('PUT', '/machines/one', one)
    expect(again.status).toBe(200)
    expect(again.headers.get('etag')).toBe(etag)
  })

  test('another hostname in the body renames it and keeps its id', async () => {
    const { call, added } = await withOne()
    const { id } = (await added.json()) as { id: string }
    const renamed = await call('PUT', '/machines/one', { ...one, hostname: 'new' })
    expect(renamed.status).toBe(200)
    expect(renamed.headers.get('content-location')).toBe('/api/v1/machines/new')
    expect(await renamed.json()).toMatchObject({ id, hostname: 'new', version: 2 })
    expect((await call('GET', '/machines/one')).status).toBe(404)
  })

  test('a list is sorted as people count, and filtered by label', async () => {
    const { call } = await management()
    const labels = {
      'w-10': { rack: 'r1', 'node.example/role': 'gpu' },
      'w-2': { rack: 'r1' },
      'w-1': {},
    }
    for (const [index, [name, label]] of Object.entries(labels).entries()) {
      await call('PUT', `/machines/${name}`, { macs: [macOf(index)], labels: label })
    }
    const names = async (query: string) => {
      const body = (await (await call('GET', `/machines${query}`)).json()) as {
        machines: { hostname: string }[]
      }
      return body.machines.map(({ hostname }) => hostname)
    }
    expect(await names('')).toEqual(['w-1', 'w-2', 'w-10'])
    expect(await names('?label=rack=r1')).toEqual(['w-2', 'w-10'])
    expect(await names('?label=rack=r1&label=node.example/role')).toEqual(['w-10'])
    expect(await names('?label=rack=r2')).toEqual([])
  })
})

describe('what is refused', () => {
  test('values of another machine: 409 with both machines', async () => {
    const { call } = await withOne()
    const body = { macs: [macOf(2), '52-54-00-00-00-01'], address: '192.0.2.50' }
    const refused = await call('PUT', '/machines/two', body)
    expect(refused.status).toBe(409)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toEqual({
      type: 'about:blank',
      title: 'It conflicts with what is there',
      status: 409,
      detail:
        `MAC ${macOf(1)} belongs to machine 'one', so 'two' cannot have it; ` +
        `address 192.0.2.50 belongs to machine 'one', so 'two' cannot have it`,
      conflicts: [
        { field: 'macs[1]', value: macOf(1), holder: 'one' },
        { field: 'address', value: '192.0.2.50', holder: 'one' },
      ],
    })
    expect((await call('GET', '/machines/two')).status).toBe(404)
  })

  test('a MAC twice within one record, in two spellings', async () => {
    const { call } = await withOne()
    const refused = await call('PUT', '/machines/two', { macs: [macOf(2), '52-54-00-00-00-02'] })
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({
      errors: [{ field: 'macs[1]', problem: expect.stringContaining(macOf(2)) as string }],
    })
  })

  test.for([
    [{}, 'macs', 'is missing'],
    [{ macs: [] }, 'macs', 'is empty'],
    [{ macs: macOf(2) }, 'macs', 'must be an array'],
    [{ macs: ['01:00:5e:00:00:01'] }, 'macs[0]', 'multicast'],
    [{ macs: [macOf(2)], hostname: 'Two' }, 'hostname', 'capitals'],
    [{ macs: [macOf(2)], hostname: 'three' }, 'hostname', 'to rename'],
    [{ macs: [macOf(2)], address: '192.0.2.300' }, 'address', 'not an IPv4 address'],
    [{ macs: [macOf(2)], address: '10.0.0.1' }, 'address', 'in no subnet'],
    [{ macs: [macOf(2)], address: null }, 'address', 'must be a string'],
    [{ macs: [macOf(2)], uuid: 'x' }, 'uuid', 'not a UUID'],
    [{ macs: [macOf(2)], serial: 'None' }, 'serial', 'leave it out'],
    [{ macs: [macOf(2)], labels: { 'a b': 'c' } }, 'labels.a b', 'label key'],
    [{ macs: [macOf(2)], labels: { a: '-' } }, 'labels.a', 'label value'],
    [{ macs: [macOf(2)], labels: { a: 1 } }, 'labels.a', 'must be a string'],
    [{ macs: [macOf(2)], cloudConfig: '- a' }, 'cloudConfig', 'must be a YAML mapping'],
    [{ macs: [macOf(2)], cloudConfig: '#cloud-config\n' }, 'cloudConfig', 'must be a YAML mapping'],
    [{ macs: [macOf(2)], cloudConfig: 'a: [' }, 'cloudConfig', 'is not YAML'],
    [{ macs: [macOf(2)], cloudConfig: 'a: b\na: c' }, 'cloudConfig', 'is not YAML'],
    [{ macs: [macOf(2)], cloudConfig: `a: ${'x'.repeat(65_536)}` }, 'cloudConfig', 'at most 65536'],
    [
      { macs: [macOf(2)], colour: 'red' },
      'colour',
      'is not a field of a machine: it has hostname, macs, address,',
    ],
    [[], '', 'must be an object'],
    ['text', '', 'must be an object'],
  ] as const)('a body of which this is said: $1 $2', async ([body, field, words]) => {
    const { call } = await withOne()
    const refused = await call('PUT', '/machines/two', JSON.stringify(body))
    expect(refused.status).toBe(422)
    const { errors, detail } = (await refused.json()) as {
      errors: { field: string; problem: string }[]
      detail: string
    }
    expect(errors.map((each) => each.field)).toEqual([field])
    expect(errors[0]?.problem).toContain(words)
    expect(detail).toContain(words)
  })

  test('a YAML bomb is refused and not expanded', async () => {
    const { call } = await management()
    const levels = Array.from({ length: 12 }, (_, n) =>
      n === 0
        ? 'l0: &l0 [x, x]'
        : `l${n}: &l${n} [${Array(9)
            .fill(`*l${n - 1}`)
            .join(', ')}]`,
    )
    const body = { macs: [macOf(2)], cloudConfig: levels.join('\n') }
    const refused = await call('PUT', '/machines/two', body)
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({ errors: [{ field: 'cloudConfig' }] })
  })

  test('a path that no machine can have', async () => {
    const { call } = await management()
    const refused = await call('GET', '/machines/Two')
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({ errors: [{ field: 'machine' }] })
  })
})

describe('preconditions', () => {
  test('the second of two editors is told that the first was faster', async () => {
    const { call, etag } = await withOne()
    const edit = (serial: string) =>
      call('PUT', '/machines/one', { ...one, serial }, { 'if-match': etag })
    const statuses = await Promise.all([edit('A'), edit('B'), edit('C')])
    expect(statuses.map(({ status }) => status)).toEqual([200, 412, 412])
    expect(await (await call('GET', '/machines/one')).json()).toMatchObject({ serial: 'A' })
  })

  test('a machine that was removed and made again is not the one that was read', async () => {
    const { call, etag } = await withOne()
    await call('DELETE', '/machines/one')
    await call('PUT', '/machines/one', one)
    const late = await call('PUT', '/machines/one', { ...one, serial: 'A' }, { 'if-match': etag })
    expect(late.status).toBe(412)
  })

  test.for([
    ['PUT', 'one', { 'if-none-match': '*' }, 412],
    ['PUT', 'two', { 'if-none-match': '*' }, 201],
    ['PUT', 'two', { 'if-match': '*' }, 412],
    ['PUT', 'one', { 'if-match': '*' }, 200],
    ['PUT', 'one', { 'if-match': '"other", "another"' }, 412],
    ['DELETE', 'one', { 'if-match': '"other"' }, 412],
    ['DELETE', 'one', { 'if-match': '*' }, 204],
    ['DELETE', 'two', { 'if-match': '*' }, 404],
  ] as const)('%s %s with %j: %d', async ([method, name, headers, status]) => {
    const { call } = await withOne()
    const body = method === 'DELETE' ? undefined : { macs: [macOf(name === 'one' ? 1 : 2)] }
    expect((await call(method, `/machines/${name}`, body, headers)).status).toBe(status)
  })

  test('If-None-Match saves a reader what it has', async () => {
    const { call, etag } = await withOne()
    for (const tag of [etag, `"x", W/${etag}`, '*']) {
      const fresh = await call('GET', '/machines/one', undefined, { 'if-none-match': tag })
      expect(fresh.status).toBe(304)
      expect(await fresh.text()).toBe('')
    }
    const stale = await call('GET', '/machines/one', undefined, { 'if-none-match': '"x"' })
    expect(stale.status).toBe(200)
  })
})

test('DELETE', async () => {
  const { call } = await withOne()
  expect((await call('DELETE', `/machines/${macOf(1)}`)).status).toBe(204)
  const gone = await call('DELETE', '/machines/one')
  expect(gone.status).toBe(404)
  expect(await gone.json()).toMatchObject({ detail: "there is no machine 'one'" })
})

describe('import', () => {
  test('all or nothing', async () => {
    const { call } = await withOne()
    const machines = [
      { hostname: 'two', macs: [macOf(2)] },
      { hostname: 'three', macs: [macOf(1)] },
    ]
    const refused = await call('POST', '/machines/import', { machines })
    expect(refused.status).toBe(409)
    expect(await refused.json()).toMatchObject({
      errors: [{ field: 'machines[1].macs[0]' }],
      conflicts: [{ field: 'machines[1].macs[0]', value: macOf(1), holder: 'one' }],
    })
    expect((await call('GET', '/machines/two')).status).toBe(404)
    const good = await call('POST', '/machines/import', { machines: machines.slice(0, 1) })
    expect(good.status).toBe(200)
    expect(await good.json()).toEqual({ created: 1, updated: 0, unchanged: 0 })
  })

  test('keeps the fields that a row leaves out', async () => {
    const { call } = await withOne()
    await call('POST', '/machines/import', { machines: [{ hostname: 'one', serial: 'S1' }] })
    expect(await (await call('GET', '/machines/one')).json()).toMatchObject({
      ...one,
      serial: 'S1',
    })
  })

  test('machines swap what is theirs alone, also on the disk', async () => {
    const { call } = await withOne()
    await call('PUT', '/subnets/rack', rack)
    const [first, second] = [
      { macs: [macOf(1)], address: '192.0.2.51', serial: 'S1' },
      { macs: [macOf(2), macOf(3)], address: '192.0.2.52', serial: 'S2' },
    ]
    await call('PUT', '/machines/one', first)
    await call('PUT', '/machines/two', second)
    const swapped = await call('POST', '/machines/import', {
      machines: [
        { hostname: 'one', ...second },
        { hostname: 'two', ...first },
      ],
    })
    expect(await swapped.json()).toEqual({ created: 0, updated: 2, unchanged: 0 })
    const { machines } = (await (await call('GET', '/machines')).json()) as { machines: object[] }
    expect(machines).toMatchObject([
      { hostname: 'one', ...second },
      { hostname: 'two', ...first, version: 2 },
    ])
  })

  test('names the row and the field of what is no machine', async () => {
    const { call } = await management()
    const machines = [
      { hostname: 'two', macs: [macOf(2)] },
      { macs: ['x'], size: 1 },
    ]
    const refused = await call('POST', '/machines/import', { machines })
    expect(refused.status).toBe(422)
    const { errors } = (await refused.json()) as { errors: { field: string }[] }
    expect(errors.map(({ field }) => field).sort()).toEqual([
      'machines[1].hostname',
      'machines[1].macs[0]',
      'machines[1].size',
    ])
  })
})
