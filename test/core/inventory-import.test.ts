import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Change } from '../../src/core/change.ts'
import type { InventoryFacts } from '../../src/core/facts.ts'
import { planImport, type ImportRow } from '../../src/core/inventory-import.ts'
import { parseHostname } from '../../src/values/hostname.ts'
import type { MachineId } from '../../src/values/ids.ts'
import type { Ipv4 } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf, ip, macNumber, machine, subnet } from '../support/inventory.ts'

const row = (hostname: string, fields: Partial<ImportRow>): ImportRow => ({
  hostname: must(parseHostname(hostname)),
  ...fields,
})

const facts = factsOf(
  { kind: 'subnet.put', subnet: subnet() },
  {
    kind: 'machine.put',
    machine: machine('one', { address: ip('192.0.2.1'), labels: { rack: 'r1' } }),
  },
)

const planOn = (inventory: InventoryFacts, rows: readonly ImportRow[]) =>
  planImport(
    inventory,
    rows,
    rows.map((_, index) => `i-${index}` as MachineId),
    epochMs(1000),
  )
const plan = (...rows: readonly ImportRow[]) => planOn(facts, rows)

test('adds, changes and leaves alone, and keeps what a row leaves out', () => {
  const { changes, result } = plan(
    row('two', { macs: [macNumber(2)], address: ip('192.0.2.2') }),
    row('one', { macs: [macNumber(1), macNumber(9)] }),
  )
  expect(result).toEqual({ outcome: 'imported', created: 1, updated: 1, unchanged: 0 })
  expect(changes).toMatchObject([
    { machine: { id: 'i-0', hostname: 'two', labels: {} } },
    { machine: { id: 'i-one', labels: { rack: 'r1' }, address: ip('192.0.2.1'), version: 2 } },
  ])
})

test('is idempotent', () => {
  expect(plan(row('one', { macs: [macNumber(1)] }))).toEqual({
    changes: [],
    result: { outcome: 'imported', created: 0, updated: 0, unchanged: 1 },
  })
})

test('a value that an earlier row lets go of is free', () => {
  const { result } = plan(
    row('one', { macs: [macNumber(9)], address: ip('192.0.2.9') }),
    row('two', { macs: [macNumber(1)], address: ip('192.0.2.1') }),
  )
  expect(result).toMatchObject({ outcome: 'imported', created: 1, updated: 1 })
})

test('one bad row and nothing is changed; every bad row is told', () => {
  const { changes, result } = plan(
    row('two', { macs: [macNumber(2)] }),
    row('three', { macs: [macNumber(2)] }),
    row('four', { macs: [macNumber(4)], address: ip('192.0.2.1') }),
    row('five', { macs: [macNumber(5), macNumber(5)] }),
    row('two', { macs: [macNumber(6)] }),
    row('six', {}),
  )
  expect(changes).toEqual([])
  if (result.outcome !== 'refused') throw new Error(result.outcome)
  expect(result.conflicts.map(({ field, holder }) => [field, holder])).toEqual([
    ['machines[1].macs[0]', 'two'],
    ['machines[2].address', 'one'],
  ])
  expect(result.problems.map(({ field }) => field)).toEqual([
    'machines[3].macs[1]',
    'machines[4].hostname',
    'machines[5].macs',
  ])
})

const pair = () =>
  factsOf(
    { kind: 'subnet.put', subnet: subnet() },
    ...[1, 2].map((n): Change => {
      const address = (ip('192.0.2.0') + n) as Ipv4
      return {
        kind: 'machine.put',
        machine: machine(`w${n}`, { macs: [macNumber(n)], address, serial: `S${n}` }),
      }
    }),
  )

test('two machines swap what they have, and no change gives a value that another still has', () => {
  const inventory = pair()
  const { changes, result } = planOn(inventory, [
    row('w1', { address: ip('192.0.2.2'), serial: 'S2', macs: [macNumber(2), macNumber(3)] }),
    row('w2', { address: ip('192.0.2.1'), serial: 'S1', macs: [macNumber(1)] }),
  ])
  expect(result).toEqual({ outcome: 'imported', created: 0, updated: 2, unchanged: 0 })
  const [released, ...puts] = changes
  expect(released).toEqual({
    kind: 'machine.put',
    machine: machine('w2', { macs: [] }),
  })
  expect(puts).toMatchObject([
    { machine: { id: 'i-w1', address: ip('192.0.2.2'), serial: 'S2', version: 2 } },
    { machine: { id: 'i-w2', address: ip('192.0.2.1'), serial: 'S1', version: 2 } },
  ])
})

test("what a row does not let go of is its machine's, whichever row comes first", () => {
  const keeps = row('w1', { labels: { rack: 'r1' } })
  const takes = row('w2', { address: ip('192.0.2.1') })
  for (const rows of [
    [keeps, takes],
    [takes, keeps],
  ]) {
    const { result } = planOn(pair(), rows)
    if (result.outcome !== 'refused') throw new Error(result.outcome)
    expect(result.conflicts).toMatchObject([
      { field: `machines[${rows.indexOf(takes)}].address`, holder: 'w1' },
    ])
  }
})

type Unique = Pick<ImportRow, 'macs' | 'address' | 'serial'>

/** What must be nobody else's, written down naively. */
const keysOf = ({ macs, address, serial }: Unique): readonly string[] => [
  ...(macs ?? []).map((each) => `m${each}`),
  ...(address === undefined ? [] : [`a${address}`]),
  ...(serial === undefined ? [] : [`s${serial}`]),
]

const isUnique = (machines: readonly Unique[]): boolean => {
  const keys = machines.flatMap(keysOf)
  return new Set(keys).size === keys.length
}

const number = fc.integer({ min: 1, max: 4 })
const fields = fc.record(
  {
    macs: fc.uniqueArray(number.map(macNumber), { minLength: 1, maxLength: 2 }),
    address: number.map((n) => (ip('192.0.2.0') + n) as Ipv4),
    serial: fc.constantFrom('S1', 'S2', 'S3'),
  },
  { requiredKeys: ['macs'] },
)
const rowsOf = fc
  .uniqueArray(number, { minLength: 1 })
  .chain((names) => fc.tuple(...names.map((n) => fields.map((each) => row(`w${n}`, each)))))

test('a list is taken when its end state is sound, and every step on the way there is sound too', () => {
  fc.assert(
    fc.property(fc.array(rowsOf, { maxLength: 8 }), (lists) => {
      const inventory = factsOf({ kind: 'subnet.put', subnet: subnet() })
      lists.forEach((rows, at) => {
        const before = [...inventory.machines()]
        const end = new Map<string, Unique>(before.map((each) => [each.hostname, each]))
        for (const each of rows) end.set(each.hostname, { ...end.get(each.hostname), ...each })
        const { changes, result } = planImport(
          inventory,
          rows,
          rows.map((_, index) => `i-${at}-${index}` as MachineId),
          epochMs(at),
        )
        expect(result.outcome).toBe(isUnique([...end.values()]) ? 'imported' : 'refused')
        if (result.outcome === 'refused') return
        for (const change of changes) {
          inventory.apply(change)
          expect(isUnique([...inventory.machines()])).toBe(true)
        }
        const after = [...inventory.machines()].map((each) => [each.hostname, keysOf(each)])
        expect(Object.fromEntries(after)).toEqual(
          Object.fromEntries([...end].map(([name, each]) => [name, keysOf(each)])),
        )
      })
    }),
    { numRuns: 300 },
  )
})
