import type { SubnetName } from '../values/ids.ts'
import { formatNetwork, inNetwork, type Ipv4 } from '../values/ipv4.ts'
import type { Change, Decided } from './change.ts'
import type { InventoryFacts, LeaseFacts } from './facts.ts'
import type { Conflict, Deletion, Precondition, Put } from './inventory.ts'
import { stranded } from './inventory-checks.ts'
import { sameData } from './inventory-same.ts'
import { subnetProblems, type Subnet } from './subnet.ts'

type SubnetFacts = InventoryFacts & Pick<LeaseFacts, 'leases'>

/** What people say of a subnet. */
export type SubnetFields = Omit<Subnet, 'name' | 'version' | 'router' | 'domain'> & {
  readonly router?: Ipv4 | undefined
  readonly domain?: string | undefined
}

export interface PutSubnet {
  readonly name: SubnetName
  readonly fields: SubnetFields
  readonly precondition: Precondition<Subnet>
}

/** Replaces or adds a subnet. Leases that its network no longer contains go with the old network. */
export function planPutSubnet(facts: SubnetFacts, put: PutSubnet): Decided<Put<Subnet>> {
  const current = facts.subnet(put.name)
  if (!put.precondition(current)) return { changes: [], result: { outcome: 'precondition-failed' } }
  const next = subnetOf(put, (current?.version ?? 0) + 1)
  const problems = subnetProblems(next, [])
  if (problems.length > 0) return { changes: [], result: { outcome: 'invalid', problems } }
  const conflicts = [...overlaps(facts, next), ...stranded(facts, put.name, next)]
  if (conflicts.length > 0) return { changes: [], result: { outcome: 'conflict', conflicts } }
  if (current !== undefined && sameData({ ...next, version: current.version }, current)) {
    return { changes: [], result: { outcome: 'unchanged', record: current } }
  }
  const stays = (address: Ipv4) => inNetwork(next.network, address)
  return {
    changes: [{ kind: 'subnet.put', subnet: next }, ...dropLeases(facts, put.name, stays)],
    result: { outcome: current === undefined ? 'created' : 'updated', record: next },
  }
}

export function planDeleteSubnet(
  facts: SubnetFacts,
  { name, precondition }: Pick<PutSubnet, 'name' | 'precondition'>,
): Decided<Deletion> {
  const current = facts.subnet(name)
  if (current === undefined) return { changes: [], result: { outcome: 'not-found' } }
  if (!precondition(current)) return { changes: [], result: { outcome: 'precondition-failed' } }
  const conflicts = stranded(facts, name, undefined)
  if (conflicts.length > 0) return { changes: [], result: { outcome: 'conflict', conflicts } }
  return {
    changes: [...dropLeases(facts, name, () => false), { kind: 'subnet.delete', name }],
    result: { outcome: 'deleted' },
  }
}

function subnetOf({ name, fields }: PutSubnet, version: number): Subnet {
  const { router, domain, ...rest } = fields
  return {
    name,
    ...rest,
    ...(router === undefined ? {} : { router }),
    ...(domain === undefined ? {} : { domain }),
    version,
  }
}

function overlaps(facts: SubnetFacts, next: Subnet): readonly Conflict[] {
  const conflicts: Conflict[] = []
  for (const other of facts.subnets()) {
    for (const { field, problem } of subnetProblems(next, [other])) {
      conflicts.push({ field, value: formatNetwork(next.network), holder: other.name, problem })
    }
  }
  return conflicts
}

function dropLeases(
  facts: SubnetFacts,
  subnet: SubnetName,
  stays: (address: Ipv4) => boolean,
): readonly Change[] {
  const changes: Change[] = []
  for (const lease of facts.leases()) {
    if (lease.subnet !== subnet || stays(lease.address)) continue
    changes.push({ kind: 'lease.delete', subnet, mac: lease.mac })
  }
  return changes
}
