import type { MachineId } from '../values/ids.ts'
import type { Change } from './change.ts'
import type { InventoryFacts } from './facts.ts'
import type { MachineFields } from './inventory.ts'
import type { Machine } from './machine.ts'

export interface Overlay {
  readonly facts: InventoryFacts
  /** Each machine once. */
  readonly put: (machine: Machine) => void
  /**
   * To be made before the changes that were put, in their order: machines without what they lose, where
   * another is given it before their own turn comes. No value is two machines' at any moment, which the
   * database would refuse.
   */
  readonly releases: () => readonly Change[]
}

/**
 * The inventory as if these machines had let go already of what they will not have any more, and as if
 * those that are put were there.
 *
 * @param ends what will be said of machines that are there now
 */
export function overlayOn(
  base: InventoryFacts,
  ends: ReadonlyMap<Machine, MachineFields>,
): Overlay {
  const losses = new Map<MachineId, ReadonlySet<string>>()
  for (const [machine, end] of ends) losses.set(machine.id, lossesOf(machine, end))
  const byId = new Map<MachineId, Machine>()
  const byKey = new Map<string, Machine>()
  const early = new Set<Machine>()
  const find = (key: string, below: Machine | undefined): Machine | undefined =>
    byKey.get(key) ?? (below !== undefined && losses.get(below.id)?.has(key) ? undefined : below)
  return {
    facts: {
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
      isOwn: base.isOwn,
    },
    put: (machine) => {
      for (const holder of holdersOf(base, machine)) {
        if (holder.id !== machine.id && !byId.has(holder.id)) early.add(holder)
      }
      byId.set(machine.id, machine)
      for (const key of keysOf(machine)) byKey.set(key, machine)
    },
    releases: () =>
      [...early].map((machine) => ({
        kind: 'machine.put',
        machine: without(machine, losses.get(machine.id) ?? new Set()),
      })),
  }
}

function lossesOf(now: Machine, end: MachineFields): ReadonlySet<string> {
  const kept = new Set(keysOf(end))
  return new Set(keysOf(now).filter((key) => !kept.has(key)))
}

/** All that can be one machine's only. */
const keysOf = (machine: MachineFields): readonly string[] => [
  `hostname ${machine.hostname}`,
  ...machine.macs.map((mac) => `mac ${mac}`),
  `address ${machine.address}`,
  `serial ${machine.serial}`,
  `uuid ${machine.uuid}`,
]

/** Who has any of this now. No list changes a hostname: it is what its rows go by. */
const holdersOf = (facts: InventoryFacts, machine: Machine): readonly Machine[] =>
  [
    ...machine.macs.map(facts.machineByMac),
    machine.address === undefined ? undefined : facts.machineByAddress(machine.address),
    machine.serial === undefined ? undefined : facts.machineBySerial(machine.serial),
    machine.uuid === undefined ? undefined : facts.machineByUuid(machine.uuid),
  ].filter((holder) => holder !== undefined)

function without(machine: Machine, lost: ReadonlySet<string>): Machine {
  const { address, serial, uuid, ...rest } = machine
  return {
    ...rest,
    macs: machine.macs.filter((mac) => !lost.has(`mac ${mac}`)),
    ...(address === undefined || lost.has(`address ${address}`) ? {} : { address }),
    ...(serial === undefined || lost.has(`serial ${serial}`) ? {} : { serial }),
    ...(uuid === undefined || lost.has(`uuid ${uuid}`) ? {} : { uuid }),
  }
}
