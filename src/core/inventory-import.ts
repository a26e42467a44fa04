import type { Hostname } from '../values/hostname.ts'
import type { MachineId } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'
import type { Change, Decided } from './change.ts'
import type { InventoryFacts } from './facts.ts'
import {
  planRecord,
  type Conflict,
  type FieldProblem,
  type MachineFields,
  type PlannedRecord,
} from './inventory.ts'
import type { Machine } from './machine.ts'

/** One machine of a list. What a row leaves out stays as it is on a machine that exists already. */
export type ImportRow = Partial<MachineFields> & { readonly hostname: Hostname }

export interface ImportedRows {
  readonly created: number
  readonly updated: number
  readonly unchanged: number
}

export type Import =
  | ({ readonly outcome: 'imported' } & ImportedRows)
  | {
      readonly outcome: 'refused'
      /** Fields like `machines[3].macs[0]`: the row's place in the list, from 0. */
      readonly problems: readonly FieldProblem[]
      readonly conflicts: readonly Conflict[]
    }

/**
 * A list of machines, taken whole or not at all. Each row is checked against the inventory as the
 * rows before it leave it, and every row's problem is told, not only the first.
 *
 * @param freshIds one for each row
 */
export function planImport(
  facts: InventoryFacts,
  rows: readonly ImportRow[],
  freshIds: readonly MachineId[],
  now: EpochMs,
): Decided<Import> {
  const overlay = overlayOn(facts)
  const firstRow = new Map<Hostname, number>()
  const counts = { created: 0, updated: 0, unchanged: 0 }
  const changes: Change[] = []
  const problems: FieldProblem[] = []
  const conflicts: Conflict[] = []
  rows.forEach((row, index) => {
    const at = `machines[${index}]`
    const earlier = firstRow.get(row.hostname)
    if (earlier !== undefined) {
      const problem = `'${row.hostname}' is machines[${earlier}] already`
      problems.push({ field: `${at}.hostname`, problem })
      return
    }
    firstRow.set(row.hostname, index)
    const freshId = freshIds[index]
    if (freshId === undefined) throw new RangeError(`${rows.length} rows, ${freshIds.length} ids`)
    const planned = planRow(overlay.facts, row, freshId, now)
    changes.push(...planned.changes)
    const { result } = planned
    switch (result.outcome) {
      case 'created':
      case 'updated':
      case 'unchanged':
        overlay.put(result.record)
        counts[result.outcome] += 1
        return
      case 'invalid':
        problems.push(...result.problems.map((p) => ({ ...p, field: `${at}.${p.field}` })))
        return
      case 'conflict':
        conflicts.push(...result.conflicts.map((c) => ({ ...c, field: `${at}.${c.field}` })))
    }
  })
  return problems.length + conflicts.length > 0
    ? { changes: [], result: { outcome: 'refused', problems, conflicts } }
    : { changes, result: { outcome: 'imported', ...counts } }
}

function planRow(
  facts: InventoryFacts,
  row: ImportRow,
  freshId: MachineId,
  now: EpochMs,
): Decided<PlannedRecord> {
  const current = facts.machineByHostname(row.hostname)
  const kept = { macs: [], labels: {}, ...current }
  return planRecord(facts, { ...kept, ...row }, current, { now, freshId })
}

/** The inventory as if these machines had been put. The machines below keep their other values. */
function overlayOn(base: InventoryFacts) {
  const byId = new Map<MachineId, Machine>()
  const index = new Map<string, Machine>()
  const keys = (machine: Machine): readonly string[] => [
    `hostname ${machine.hostname}`,
    ...machine.macs.map((mac) => `mac ${mac}`),
    `address ${machine.address}`,
    `serial ${machine.serial}`,
    `uuid ${machine.uuid}`,
  ]
  const find = (key: string, below: Machine | undefined): Machine | undefined =>
    index.get(key) ?? (below !== undefined && byId.has(below.id) ? undefined : below)
  const facts: InventoryFacts = {
    machine: (id) => byId.get(id) ?? base.machine(id),
    machineByMac: (mac) => find(`mac ${mac}`, base.machineByMac(mac)),
    machineByHostname: (name) => find(`hostname ${name}`, base.machineByHostname(name)),
    machineByAddress: (address) => find(`address ${address}`, base.machineByAddress(address)),
    machineBySerial: (serial) => find(`serial ${serial}`, base.machineBySerial(serial)),
    machineByUuid: (uuid) => find(`uuid ${uuid}`, base.machineByUuid(uuid)),
    subnet: base.subnet,
    subnetOf: base.subnetOf,
    subnets: base.subnets,
    machines: base.machines,
  }
  // Each hostname is put at most once, so no key of an earlier put has to be taken back.
  const put = (machine: Machine) => {
    byId.set(machine.id, machine)
    for (const key of keys(machine)) index.set(key, machine)
  }
  return { facts, put }
}
