import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  planDeleteMachine,
  planPutMachine,
  type MachineFields,
  type MachineSelector,
} from '../../src/core/inventory.ts'
import { parseHostname } from '../../src/values/hostname.ts'
import type { MachineId } from '../../src/values/ids.ts'
import type { Ipv4 } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf, ip, macNumber, subnet } from '../support/inventory.ts'

/** Few names, MACs and addresses, so that they collide all the time. */
const hostname = fc.integer({ min: 1, max: 4 }).map((n) => must(parseHostname(`w${n}`)))
const mac = fc.integer({ min: 1, max: 5 }).map(macNumber)
const address = fc.integer({ min: 1, max: 4 }).map((n) => (ip('192.0.2.0') + n) as Ipv4)
const selector: fc.Arbitrary<MachineSelector> = fc.oneof(
  hostname.map((name) => ({ by: 'hostname' as const, hostname: name })),
  mac.map((each) => ({ by: 'mac' as const, mac: each })),
)
const fields: fc.Arbitrary<MachineFields> = fc.record({
  hostname: fc.option(hostname, { nil: undefined }),
  macs: fc.array(mac, { minLength: 1, maxLength: 3 }),
  address: fc.option(address, { nil: undefined }),
  serial: fc.option(fc.constantFrom('S1', 'S2'), { nil: undefined }),
  labels: fc.constant({}),
})
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ selector, fields }) },
  { weight: 1, arbitrary: fc.record({ selector }) },
)

interface Row {
  readonly hostname: string
  readonly macs: readonly string[]
  readonly address?: number | undefined
  readonly serial?: string | undefined
}

const holds = (row: Row, which: MachineSelector): boolean =>
  which.by === 'mac' ? row.macs.includes(which.mac) : row.hostname === which.hostname

/** All that must be unique, written down in the most naive way. */
const keysOf = (row: Row): readonly string[] => [
  `h${row.hostname}`,
  ...row.macs.map((each) => `m${each}`),
  ...(row.address === undefined ? [] : [`a${row.address}`]),
  ...(row.serial === undefined ? [] : [`s${row.serial}`]),
]

const isUnique = (rows: readonly Row[]): boolean => {
  const keys = rows.flatMap(keysOf)
  return new Set(keys).size === keys.length
}

/** What a list of rows would say: undefined when the put must be refused. */
function naivePut(
  rows: readonly Row[],
  which: MachineSelector,
  body: MachineFields,
): readonly Row[] | undefined {
  const name = body.hostname ?? (which.by === 'hostname' ? which.hostname : undefined)
  if (name === undefined) return undefined
  const row: Row = { ...body, hostname: name }
  const at = rows.findIndex((each) => holds(each, which))
  if (at < 0 && !holds(row, which)) return undefined
  const next = at < 0 ? [...rows, row] : rows.with(at, row)
  return isUnique(next) ? next : undefined
}

test('whatever is put and deleted, nothing is there twice, and only a collision is refused', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const facts = factsOf({ kind: 'subnet.put', subnet: subnet() })
      let rows: readonly Row[] = []
      steps.forEach((each, index) => {
        if ('fields' in each) {
          const next = naivePut(rows, each.selector, each.fields)
          const { changes, result } = planPutMachine(facts, {
            ...each,
            precondition: () => true,
            now: epochMs(index),
            freshId: `i-${index}` as MachineId,
          })
          expect(['created', 'updated', 'unchanged'].includes(result.outcome)).toBe(
            next !== undefined,
          )
          expect(changes.length).toBe(['created', 'updated'].includes(result.outcome) ? 1 : 0)
          for (const change of changes) facts.apply(change)
          rows = next ?? rows
        } else {
          const plan = planDeleteMachine(facts, { ...each, precondition: () => true })
          for (const change of plan.changes) facts.apply(change)
          rows = rows.filter((row) => !holds(row, each.selector))
        }
        const kept = [...facts.machines()]
        const summary = (row: Row) => ({
          hostname: row.hostname,
          macs: row.macs,
          address: row.address,
          serial: row.serial,
        })
        expect(kept.map(summary)).toEqual(expect.arrayContaining(rows.map(summary)))
        expect(kept).toHaveLength(rows.length)
        expect(new Set(kept.map(({ id }) => id)).size).toBe(kept.length)
        for (const machine of kept) {
          for (const each of machine.macs) expect(facts.machineByMac(each)).toBe(machine)
          expect(facts.machineByHostname(machine.hostname)).toBe(machine)
        }
      })
    }),
    { numRuns: 300 },
  )
})
