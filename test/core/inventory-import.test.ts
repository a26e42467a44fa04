import { expect, test } from 'vitest'
import { planImport, type ImportRow } from '../../src/core/inventory-import.ts'
import { parseHostname } from '../../src/values/hostname.ts'
import type { MachineId } from '../../src/values/ids.ts'
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

const plan = (...rows: readonly ImportRow[]) =>
  planImport(
    facts,
    rows,
    rows.map((_, index) => `i-${index}` as MachineId),
    epochMs(1000),
  )

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
