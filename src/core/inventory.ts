import type { Hostname } from '../values/hostname.ts'
import type { MachineId } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { SmbiosUuid } from '../values/uuid.ts'
import { ownedByMachine } from './boot-token.ts'
import type { Decided } from './change.ts'
import type { InventoryFacts } from './facts.ts'
import { fieldProblems, machineConflicts, sameFields } from './inventory-checks.ts'
import type { Machine } from './machine.ts'

/** What people say of a machine; the rest of its record is the server's. */
export interface MachineFields {
  /** May be left out where the selector is a hostname: the machine then keeps or gets that one. */
  readonly hostname?: Hostname | undefined
  readonly macs: readonly Mac[]
  readonly address?: Ipv4 | undefined
  readonly serial?: string | undefined
  readonly uuid?: SmbiosUuid | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly cloudConfig?: string | undefined
}

/** How a caller points at one machine. No hostname looks like a MAC, so the two never mix. */
export type MachineSelector =
  | { readonly by: 'hostname'; readonly hostname: Hostname }
  | { readonly by: 'mac'; readonly mac: Mac }

/** One field that can't be taken as it is, whatever else the inventory holds. */
export interface FieldProblem {
  /** Like `macs[1]`; empty for the whole. */
  readonly field: string
  /** A sentence's end: "is missing". */
  readonly problem: string
}

/** One value that something else already has. */
export interface Conflict {
  readonly field: string
  readonly value: string
  /** Who has it. */
  readonly holder: string
  /** A whole sentence that names both sides. */
  readonly problem: string
}

/** Whether the caller still means the record as it stands now (If-Match, If-None-Match). */
export type Precondition<T> = (current: T | undefined) => boolean

export type Put<T> =
  | { readonly outcome: 'created' | 'updated' | 'unchanged'; readonly record: T }
  | { readonly outcome: 'invalid'; readonly problems: readonly FieldProblem[] }
  | { readonly outcome: 'conflict'; readonly conflicts: readonly Conflict[] }
  | { readonly outcome: 'precondition-failed' }

export type Deletion =
  | { readonly outcome: 'deleted' }
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'conflict'; readonly conflicts: readonly Conflict[] }
  | { readonly outcome: 'precondition-failed' }

export interface PutMachine {
  readonly selector: MachineSelector
  readonly fields: MachineFields
  readonly precondition: Precondition<Machine>
  readonly now: EpochMs
  /** The id that a new record gets. */
  readonly freshId: MachineId
}

export const selectMachine = (
  facts: InventoryFacts,
  selector: MachineSelector,
): Machine | undefined =>
  selector.by === 'mac'
    ? facts.machineByMac(selector.mac)
    : facts.machineByHostname(selector.hostname)

/**
 * Replaces the record of the machine that the selector finds, or makes a new one. The id stays
 * through every change, a new hostname and new NICs included: it is the machine's, not its name's.
 */
export function planPutMachine(facts: InventoryFacts, put: PutMachine): Decided<Put<Machine>> {
  const current = selectMachine(facts, put.selector)
  if (!put.precondition(current)) return { changes: [], result: { outcome: 'precondition-failed' } }
  const aimless = current === undefined ? selectorProblems(put) : []
  if (aimless.length > 0) {
    return { changes: [], result: { outcome: 'invalid', problems: aimless } }
  }
  const hostname =
    put.fields.hostname ?? (put.selector.by === 'hostname' ? put.selector.hostname : undefined)
  if (hostname === undefined) {
    const problem = 'is missing; only a path that is a hostname can stand for it'
    return {
      changes: [],
      result: { outcome: 'invalid', problems: [{ field: 'hostname', problem }] },
    }
  }
  return planRecord(facts, { ...put.fields, hostname }, current, put)
}

export type PlannedRecord = Exclude<Put<Machine>, { outcome: 'precondition-failed' }>

/** The record that the fields make of `current`, checked against everybody else's. */
export function planRecord(
  facts: InventoryFacts,
  fields: MachineFields & { readonly hostname: Hostname },
  current: Machine | undefined,
  { now, freshId }: Pick<PutMachine, 'now' | 'freshId'>,
): Decided<PlannedRecord> {
  const problems = fieldProblems(fields, facts)
  if (problems.length > 0) return { changes: [], result: { outcome: 'invalid', problems } }
  const conflicts = machineConflicts(fields, facts, current?.id)
  if (conflicts.length > 0) return { changes: [], result: { outcome: 'conflict', conflicts } }
  if (current !== undefined && sameFields(current, fields)) {
    return { changes: [], result: { outcome: 'unchanged', record: current } }
  }
  const record: Machine = {
    id: current?.id ?? freshId,
    hostname: fields.hostname,
    macs: fields.macs,
    ...(fields.address === undefined ? {} : { address: fields.address }),
    ...(fields.serial === undefined ? {} : { serial: fields.serial }),
    ...(fields.uuid === undefined ? {} : { uuid: fields.uuid }),
    labels: fields.labels,
    ...(fields.cloudConfig === undefined ? {} : { cloudConfig: fields.cloudConfig }),
    version: (current?.version ?? 0) + 1,
    created: current?.created ?? now,
    updated: now,
  }
  return {
    changes: [{ kind: 'machine.put', machine: record }],
    result: { outcome: current === undefined ? 'created' : 'updated', record },
  }
}

export function planDeleteMachine(
  facts: InventoryFacts,
  { selector, precondition }: Pick<PutMachine, 'selector' | 'precondition'>,
): Decided<Deletion> {
  const current = selectMachine(facts, selector)
  if (current === undefined) return { changes: [], result: { outcome: 'not-found' } }
  if (!precondition(current)) return { changes: [], result: { outcome: 'precondition-failed' } }
  return {
    changes: [
      { kind: 'machine.delete', id: current.id },
      { kind: 'stored-token.delete', owner: ownedByMachine(current.id) },
      ...current.macs.map((mac) => ({ kind: 'relay-port.forget', mac }) as const),
    ],
    result: { outcome: 'deleted' },
  }
}

/** A path that finds nobody makes a new record, which must then be the one that the path names. */
function selectorProblems({ selector, fields }: PutMachine): readonly FieldProblem[] {
  if (selector.by === 'mac') {
    if (fields.macs.includes(selector.mac)) return []
    const problem = `does not list ${selector.mac}, the MAC in the path, and no machine has that MAC yet`
    return [{ field: 'macs', problem }]
  }
  if (fields.hostname === undefined || fields.hostname === selector.hostname) return []
  const problem =
    `is '${fields.hostname}' while the path says '${selector.hostname}', and there is no machine ` +
    `'${selector.hostname}' to rename: put the new machine under its own hostname`
  return [{ field: 'hostname', problem }]
}
