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
import { overlayOn } from './inventory-overlay.ts'
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
 * A list of machines, taken whole or not at all. It is checked as the end state that it describes, so
 * that machines can swap addresses or cards whatever the order of their rows; and every row's problem is
 * told, not only the first.
 *
 * @param freshIds one for each row
 */
export function planImport(
  facts: InventoryFacts,
  rows: readonly ImportRow[],
  freshIds: readonly MachineId[],
  now: EpochMs,
): Decided<Import> {
  const overlay = overlayOn(facts, endsOf(facts, rows))
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
    : {
        changes: [...overlay.releases(), ...changes],
        result: { outcome: 'imported', ...counts },
      }
}

/** What a row makes of the machine with its hostname. */
const merged = (row: ImportRow, current: Machine | undefined) => ({
  macs: [],
  labels: {},
  ...current,
  ...row,
})

function planRow(
  facts: InventoryFacts,
  row: ImportRow,
  freshId: MachineId,
  now: EpochMs,
): Decided<PlannedRecord> {
  const current = facts.machineByHostname(row.hostname)
  return planRecord(facts, merged(row, current), current, { now, freshId })
}

/** What is said of each machine that the list changes; a second row for it is refused elsewhere. */
function endsOf(facts: InventoryFacts, rows: readonly ImportRow[]) {
  const ends = new Map<Machine, MachineFields>()
  for (const row of rows) {
    const current = facts.machineByHostname(row.hostname)
    if (current !== undefined && !ends.has(current)) ends.set(current, merged(row, current))
  }
  return ends
}
