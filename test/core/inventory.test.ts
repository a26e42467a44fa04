import { describe, expect, test } from 'vitest'
import type { Facts } from '../../src/core/facts.ts'
import {
  planDeleteMachine,
  planPutMachine,
  type MachineFields,
  type MachineSelector,
  type PutMachine,
} from '../../src/core/inventory.ts'
import { parseHostname, type Hostname } from '../../src/values/hostname.ts'
import type { MachineId } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { parseSmbiosUuid } from '../../src/values/uuid.ts'
import { factsOf, ip, macNumber, machine, subnet } from '../support/inventory.ts'

const name = (text: string): Hostname => must(parseHostname(text))
const byName = (text: string): MachineSelector => ({ by: 'hostname', hostname: name(text) })
const byMac = (n: number): MachineSelector => ({ by: 'mac', mac: macNumber(n) })
const uuid = must(parseSmbiosUuid('4c4c4544-0042-3510-8056-b4c04f4e3133'))

const put = (
  facts: Facts,
  selector: MachineSelector,
  fields: Partial<MachineFields>,
  rest: Partial<PutMachine> = {},
) =>
  planPutMachine(facts, {
    selector,
    fields: { macs: [macNumber(1)], labels: {}, ...fields },
    precondition: () => true,
    now: epochMs(1000),
    freshId: 'i-fresh' as MachineId,
    ...rest,
  })

const one = factsOf(
  { kind: 'subnet.put', subnet: subnet() },
  {
    kind: 'machine.put',
    machine: machine('one', { address: ip('192.0.2.1'), serial: 'S1', uuid, version: 3 }),
  },
)

describe('a machine that is not there yet', () => {
  test('is made by its hostname', () => {
    const { changes, result } = put(one, byName('two'), { macs: [macNumber(2)], serial: 'S2' })
    const record = machine('two', {
      id: 'i-fresh' as MachineId,
      macs: [macNumber(2)],
      serial: 'S2',
      version: 1,
      created: epochMs(1000),
      updated: epochMs(1000),
    })
    expect(result).toEqual({ outcome: 'created', record })
    expect(changes).toEqual([{ kind: 'machine.put', machine: record }])
  })

  test('is made by a MAC that its record lists', () => {
    const fields = { hostname: name('two'), macs: [macNumber(2), macNumber(3)] }
    expect(put(one, byMac(3), fields).result).toMatchObject({ outcome: 'created' })
  })

  test.for([
    ['another hostname in the body', byName('two'), { hostname: name('three') }, 'hostname'],
    ['a MAC that the body does not list', byMac(9), { hostname: name('two') }, 'macs'],
    ['a MAC and no hostname', byMac(2), {}, 'hostname'],
  ] as const)('is refused under %s', ([, selector, fields, field]) => {
    const { changes, result } = put(one, selector, { macs: [macNumber(2)], ...fields })
    expect(changes).toEqual([])
    expect(result).toMatchObject({ outcome: 'invalid', problems: [{ field }] })
  })
})

describe('a machine that is there', () => {
  test.for([
    ['hostname', byName('one')],
    ['MAC', byMac(1)],
  ] as const)('is renamed by its %s and keeps its id', ([, selector]) => {
    const { result } = put(one, selector, { hostname: name('new'), macs: [macNumber(7)] })
    expect(result).toMatchObject({
      outcome: 'updated',
      record: { id: 'i-one', hostname: 'new', macs: [macNumber(7)], version: 4, created: 0 },
    })
  })

  test('loses what the new record leaves out', () => {
    const { result } = put(one, byName('one'), {})
    expect(result).toMatchObject({ outcome: 'updated' })
    expect(result).not.toHaveProperty('record.address')
    expect(result).not.toHaveProperty('record.serial')
  })

  test('is not touched by the record that it has', () => {
    const fields = { address: ip('192.0.2.1'), serial: 'S1', uuid }
    const { changes, result } = put(one, byName('one'), fields)
    expect(changes).toEqual([])
    expect(result).toMatchObject({ outcome: 'unchanged', record: { version: 3 } })
  })

  test('is left alone when the precondition fails, before anything else is looked at', () => {
    const seen: unknown[] = []
    const precondition: PutMachine['precondition'] = (current) => {
      seen.push(current?.version)
      return false
    }
    const { changes, result } = put(one, byName('one'), { macs: [] }, { precondition })
    expect({ changes, result, seen }).toEqual({
      changes: [],
      result: { outcome: 'precondition-failed' },
      seen: [3],
    })
  })

  test('is removed', () => {
    const removal = { selector: byMac(1), precondition: () => true }
    expect(planDeleteMachine(one, removal)).toEqual({
      changes: [
        { kind: 'machine.delete', id: 'i-one' },
        { kind: 'stored-token.delete', owner: 'machine:i-one' },
        { kind: 'relay-port.forget', mac: macNumber(1) },
      ],
      result: { outcome: 'deleted' },
    })
    expect(planDeleteMachine(one, { ...removal, selector: byName('two') }).result).toEqual({
      outcome: 'not-found',
    })
    expect(planDeleteMachine(one, { ...removal, precondition: () => false })).toEqual({
      changes: [],
      result: { outcome: 'precondition-failed' },
    })
  })
})

describe('what nobody else may have', () => {
  test('every value of another machine is told, with both machines', () => {
    const { changes, result } = put(one, byName('two'), {
      macs: [macNumber(2), macNumber(1)],
      address: ip('192.0.2.1'),
      serial: 'S1',
      uuid,
    })
    expect(changes).toEqual([])
    if (result.outcome !== 'conflict') throw new Error(result.outcome)
    expect(result.conflicts.map(({ field, value, holder }) => ({ field, value, holder }))).toEqual([
      { field: 'macs[1]', value: macNumber(1), holder: 'one' },
      { field: 'address', value: '192.0.2.1', holder: 'one' },
      { field: 'serial', value: 'S1', holder: 'one' },
      { field: 'uuid', value: uuid, holder: 'one' },
    ])
    for (const { problem } of result.conflicts) {
      expect(problem).toContain("'one'")
      expect(problem).toContain("'two'")
    }
  })

  test('a rename to a hostname that is taken', () => {
    const both = factsOf(
      { kind: 'machine.put', machine: machine('one') },
      { kind: 'machine.put', machine: machine('two', { macs: [macNumber(2)] }) },
    )
    const { result } = put(both, byMac(2), { hostname: name('one'), macs: [macNumber(2)] })
    expect(result).toMatchObject({
      outcome: 'conflict',
      conflicts: [{ field: 'hostname', value: 'one', holder: 'one' }],
    })
  })

  test('a MAC twice within one record', () => {
    const macs = [macNumber(2), macNumber(3), macNumber(2)]
    expect(put(one, byName('two'), { macs }).result).toEqual({
      outcome: 'invalid',
      problems: [
        {
          field: 'macs[2]',
          problem: `lists ${macNumber(2)} of machine 'two' a second time, after macs[0]`,
        },
      ],
    })
  })
})

test.for([
  ['192.0.3.1', 'is in no subnet'],
  ['192.0.2.0', 'is the network address'],
  ['192.0.2.255', 'is the broadcast address'],
  ['192.0.2.254', 'is the router'],
] as const)('the address %s %s', ([address, words]) => {
  const { result } = put(one, byName('two'), { macs: [macNumber(2)], address: ip(address) })
  if (result.outcome !== 'invalid') throw new Error(result.outcome)
  expect(result.problems).toHaveLength(1)
  expect(result.problems[0]?.field).toBe('address')
  expect(result.problems[0]?.problem).toContain(`${address} ${words}`)
})

test.for(['5254000000aa', '52-54-00-00-00-aa', '5254.0000.00aa'])(
  'the hostname %s, which reads as a MAC, would hide a machine from its own path',
  (hostname) => {
    const { result } = put(one, byName(hostname), { macs: [macNumber(2)] })
    expect(result).toMatchObject({ outcome: 'invalid', problems: [{ field: 'hostname' }] })
  },
)

test('a machine has at least one MAC', () => {
  const { result } = put(one, byName('two'), { macs: [] })
  expect(result).toMatchObject({ outcome: 'invalid', problems: [{ field: 'macs' }] })
})
