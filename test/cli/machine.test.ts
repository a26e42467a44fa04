import { expect, test } from 'vitest'
import type { Lease } from '../../src/core/lease.ts'
import { Strangers } from '../../src/serve/strangers.ts'
import { epochMs } from '../../src/values/time.ts'
import { macOf, rack, start } from '../serve/api/management.ts'
import { ip, macNumber, subnet } from '../support/inventory.ts'
import { rollcall, runOn } from './rollcall.ts'

test('machines are added, listed, shown, changed and removed', async () => {
  const { run, call, file } = await rollcall()
  expect((await run('machine', 'list')).out).toContain('no machine yet')
  await call('PUT', '/subnets/rack', rack)
  const cloudConfig = file('extra.yaml', 'packages: [htop]\n')
  const macs = ['--mac', macOf(1), '--mac', '5254.0000.0002']
  const fields = ['--address', '192.0.2.50', '--label', 'rack=r1', '--label', 'role=gpu']
  const config = ['--serial', 'S1', '--cloud-config', cloudConfig]
  expect(await run('machine', 'add', 'w1', ...macs, ...fields, ...config)).toEqual({
    status: 0,
    out: 'machine w1 added\n',
    err: '',
  })
  const list = await run('machine', 'list', '--label', 'role=gpu')
  expect(list.out).toBe(
    [
      'HOSTNAME  MACS                                  ADDRESS     LABELS',
      'w1        52:54:00:00:00:01, 52:54:00:00:00:02  192.0.2.50  rack=r1, role=gpu',
      '',
    ].join('\n'),
  )
  const set = ['--hostname', 'w9', '--label', 'role-', '--no-address', '--no-cloud-config']
  expect((await run('machine', 'set', macOf(2), ...set)).out).toBe('machine w9 changed\n')
  expect((await run('machine', 'set', 'w9', '--serial', 'S1')).out).toContain('like that already')
  const shown = await run('machine', 'show', 'w9', '--json')
  expect(JSON.parse(shown.out)).toMatchObject({
    hostname: 'w9',
    macs: [macOf(1), macOf(2)],
    labels: { rack: 'r1' },
    serial: 'S1',
    version: 2,
  })
  expect((await run('machine', 'show', 'w9')).out).toMatch(/^hostname +w9\nid +i-.*\nmacs/)
  expect((await run('machine', 'remove', 'w9')).out).toBe('machine w9 removed\n')
  expect((await run('machine', 'list', '--json')).out).toBe('[]\n')
})

test('what is refused is one clear line, with the field', async () => {
  const { run, call } = await rollcall()
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  const refused = (...args: readonly string[]) => run('machine', ...args)
  expect(await refused('add', 'w1', '--mac', macOf(2))).toEqual({
    status: 1,
    out: '',
    err: "rollcall: there is a machine 'w1' already: rollcall machine set w1 changes it\n",
  })
  expect(await refused('add', 'w2', '--mac', macOf(1))).toMatchObject({
    status: 1,
    err: `rollcall: MAC ${macOf(1)} belongs to machine 'w1', so 'w2' cannot have it\n`,
  })
  expect(await refused('add', 'w2', '--mac', 'x')).toMatchObject({
    status: 1,
    err: "rollcall: macs[0]: 'x' is not a MAC address: write six hex pairs, like 52:54:00:a1:b2:c3\n",
  })
  expect(await refused('show', 'w2')).toMatchObject({
    status: 1,
    err: "rollcall: there is no machine 'w2'\n",
  })
})

test('a file of machines is taken whole or not at all, and its lines are named', async () => {
  const { run, call, file } = await rollcall()
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  const importing = (name: string, text: string) => run('machine', 'import', file(name, text))
  const bad = await importing(
    'bad.csv',
    `hostname,mac,address\nw2,${macOf(2)},\n\nw3,${macOf(1)},\nw4,${macOf(2)},\nw2,${macOf(5)},\n`,
  )
  expect(bad.status).toBe(1)
  expect(bad.err.replaceAll(/\S*\/bad/g, 'bad')).toBe(
    [
      'rollcall: nothing was imported',
      "bad.csv:6: hostname: 'w2' is line 2 already",
      `bad.csv:4: macs[0]: MAC ${macOf(1)} belongs to machine 'w1', so 'w3' cannot have it`,
      `bad.csv:5: macs[0]: MAC ${macOf(2)} belongs to machine 'w2', so 'w4' cannot have it`,
      '',
    ].join('\n'),
  )
  const csv = `Hostname,MAC\r\nw1,${macOf(1)}\r\nw2,"${macOf(2)} ${macOf(3)}"\r\n`
  expect((await importing('good.csv', csv)).out).toBe('1 added, 0 changed, 1 as they were\n')
  const yaml = `# the second rack\n- hostname: w4\n  macs: ["${macOf(4)}"]\n- hostname: w2\n  labels: { rack: r2 }\n`
  expect((await importing('good.yaml', yaml)).out).toBe('1 added, 1 changed, 0 as they were\n')
  const { machines } = (await (await call('GET', '/machines')).json()) as { machines: object[] }
  expect(machines).toMatchObject([
    { hostname: 'w1' },
    { hostname: 'w2', macs: [macOf(2), macOf(3)], labels: { rack: 'r2' } },
    { hostname: 'w4' },
  ])
  for (const [name, text, words] of [
    ['a.yaml', '- hostname: w5\n  macs: [x]\n', 'a.yaml:1: macs[0]: '],
    ['b.yaml', 'hostname: w5\n', 'must be a YAML list'],
    ['c.yaml', '- [', 'is not YAML'],
    ['d.csv', 'name,mac\n', 'd.csv:1: the header must name'],
    ['f.csv', 'hostname,mac,macs,mac\n', 'f.csv:1: the header must name'],
    ['g.csv', 'hostname,mac,macs\nw5,a,b\n', 'g.csv:2: has both mac and macs'],
    ['h.yaml', '- hostname: w5\n  ip: 192.0.2.9\n', 'h.yaml:1: ip: is not a field of a machine'],
    ['e.csv', 'hostname,mac\na,b,c\n', 'e.csv:2: 3 values for 2 columns'],
  ] as const) {
    const refused = await importing(name, text)
    expect(refused.status).toBe(1)
    expect(refused.err).toContain(words)
  }
})

test('the samples of the help are taken, from standard input too, whatever they are called', async () => {
  const { run, call, env, file } = await rollcall()
  await call('PUT', '/subnets/rack', rack)
  const help = (await run('machine', 'import', '--help')).out
  const [, csv = '', yaml = ''] = /\n((?:  .*\n)+)\nYAML.*\n\n((?:  .*\n)+)/.exec(help) ?? []
  const left = (text: string) => text.replaceAll(/^ {2}/gm, '')
  expect((await runOn(left(csv), env, 'machine', 'import', '-')).out).toContain('2 added')
  expect((await runOn(left(yaml), env, 'machine', 'import', '-')).out).toContain('1 added')
  for (const [name, text] of [
    ['rack', left(csv)],
    ['rack.txt', left(csv).replace('macs', 'mac')],
    ['list', left(yaml)],
    ['list.txt', left(yaml).replace(/macs: \[(.*)\]/, 'mac: $1')],
  ] as const) {
    const { out } = await run('machine', 'import', file(name, text))
    expect(out).toMatch(/^0 added, 0 changed, [12] as they were\n$/)
  }
  const bad = await runOn('hostname,mac\nw1,x\n', env, 'machine', 'import', '-')
  expect(bad.err).toContain('standard input:2: macs[0]: ')
})

test('who removes a machine is told of the addresses that it may still use', async () => {
  const { run, call, store } = await rollcall()
  await call('PUT', '/machines/w1', { macs: [macOf(1), macOf(2)] })
  const lease = (n: number, expires: number): Lease => ({
    mac: macNumber(n),
    subnet: subnet().name,
    address: ip(`192.0.2.${100 + n}`),
    state: 'bound',
    since: start,
    expires: epochMs(start + expires),
  })
  await store.update(() => ({
    changes: [
      { kind: 'subnet.put', subnet: subnet() },
      { kind: 'lease.put', lease: lease(1, 60_000) },
      { kind: 'lease.put', lease: lease(2, -60_000) },
      { kind: 'lease.put', lease: lease(3, 60_000) },
    ],
    result: undefined,
  }))
  expect(await run('machine', 'remove', 'w1')).toEqual({
    status: 0,
    out: `machine w1 removed\n${macOf(1)} may use 192.0.2.101 until 2026-11-22 12:01:00, and nobody else gets it before; rollcall lease remove 192.0.2.101 frees it now\n`,
    err: '',
  })
  expect(store.facts.leaseByAddress(ip('192.0.2.101'))).toBeDefined()
})

test('unregistered says why there is no address', async () => {
  const strangers = new Strangers()
  strangers.saw({ mac: macNumber(9), subnet: subnet().name, kind: 'pxe' }, start)
  const { run, store } = await rollcall({ strangers: () => strangers.list() })
  await store.update(() => ({
    changes: [{ kind: 'subnet.put', subnet: subnet({ unregistered: 'ignore' }) }],
    result: undefined,
  }))
  const { out } = await run('machine', 'unregistered')
  expect(out).toMatch(/ rack +- +pxe +no address: its subnet ignores unknown MACs\n$/)
})
