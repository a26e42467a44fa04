import type { Hostname } from '../values/hostname.ts'
import type { MachineId, SubnetName } from '../values/ids.ts'
import { formatIpv4, formatNetwork, type Ipv4 } from '../values/ipv4.ts'
import { parseMac } from '../values/mac.ts'
import type { InventoryFacts } from './facts.ts'
import type { Conflict, FieldProblem, MachineFields } from './inventory.ts'
import { sameData } from './inventory-same.ts'
import type { Machine } from './machine.ts'
import { isHostAddress, type Subnet } from './subnet.ts'

type NamedFields = MachineFields & { readonly hostname: Hostname }

/** What is wrong with a record by itself, and with its address in the network that it is for. */
export function fieldProblems(fields: NamedFields, facts: InventoryFacts): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  if (parseMac(fields.hostname).ok) {
    // Paths take a hostname or a MAC, in any spelling: one of the two would hide the other.
    problems.push({ field: 'hostname', problem: `'${fields.hostname}' reads as a MAC address` })
  }
  if (fields.macs.length === 0) {
    problems.push({ field: 'macs', problem: 'is empty: a machine is known by its MACs' })
  }
  fields.macs.forEach((mac, index) => {
    const first = fields.macs.indexOf(mac)
    if (first === index) return
    const problem = `lists ${mac} of machine '${fields.hostname}' a second time, after macs[${first}]`
    problems.push({ field: `macs[${index}]`, problem })
  })
  if (fields.address !== undefined) {
    const problem = addressProblem(fields.address, facts)
    if (problem !== undefined) problems.push({ field: 'address', problem })
  }
  return problems
}

/**
 * An address in no subnet is refused and not merely remarked on: the machine would never be given
 * it, which is the kind of typing error that people find out about in front of the rack. So subnets
 * come before the machines in them, and are not taken away from under them.
 */
function addressProblem(address: Ipv4, facts: InventoryFacts): string | undefined {
  const subnet = facts.subnetOf(address)
  if (subnet === undefined) {
    return `${formatIpv4(address)} is in no subnet: add its subnet first`
  }
  return facts.isOwn(address)
    ? `${formatIpv4(address)} is this server's own address`
    : unusable(subnet, address)
}

/** Why no machine can have this address in this subnet; undefined when one can. */
function unusable(subnet: Subnet, address: Ipv4): string | undefined {
  const where = `of subnet '${subnet.name}' (${formatNetwork(subnet.network)})`
  if (address === subnet.router) return `${formatIpv4(address)} is the router ${where}`
  if (isHostAddress(subnet, address)) return undefined
  return address === subnet.network.base
    ? `${formatIpv4(address)} is the network address ${where}`
    : `${formatIpv4(address)} is the broadcast address ${where}`
}

/** Every value that another machine has already. */
export function machineConflicts(
  fields: NamedFields,
  facts: InventoryFacts,
  self: MachineId | undefined,
): readonly Conflict[] {
  const conflicts: Conflict[] = []
  const check = (field: string, what: string, value: string, holder: Machine | undefined) => {
    if (holder === undefined || holder.id === self) return
    const problem =
      field === 'hostname'
        ? `there is another machine '${holder.hostname}', which has ${holder.macs.join(', ')}`
        : `${what} ${value} belongs to machine '${holder.hostname}', so '${fields.hostname}' cannot have it`
    conflicts.push({ field, value, holder: holder.hostname, problem })
  }
  check('hostname', 'hostname', fields.hostname, facts.machineByHostname(fields.hostname))
  fields.macs.forEach((mac, index) => {
    check(`macs[${index}]`, 'MAC', mac, facts.machineByMac(mac))
  })
  const { address, serial, uuid } = fields
  if (address !== undefined) {
    check('address', 'address', formatIpv4(address), facts.machineByAddress(address))
  }
  if (serial !== undefined) check('serial', 'serial', serial, facts.machineBySerial(serial))
  if (uuid !== undefined) check('uuid', 'UUID', uuid, facts.machineByUuid(uuid))
  return conflicts
}

export const sameFields = (current: Machine, fields: NamedFields): boolean =>
  current.hostname === fields.hostname &&
  sameData(current.macs, fields.macs) &&
  current.address === fields.address &&
  current.serial === fields.serial &&
  current.uuid === fields.uuid &&
  sameData(current.labels, fields.labels) &&
  current.cloudConfig === fields.cloudConfig

/** Machines whose reserved address a subnet would no longer have room for. */
export function stranded(
  facts: InventoryFacts,
  name: SubnetName,
  next: Subnet | undefined,
): readonly Conflict[] {
  const conflicts: Conflict[] = []
  for (const machine of facts.machines()) {
    const { address, hostname } = machine
    if (address === undefined || facts.subnetOf(address)?.name !== name) continue
    const value = formatIpv4(address)
    const reserved = `${value} is reserved for machine '${hostname}'`
    if (next === undefined) {
      const problem = `${reserved}, which lives in subnet '${name}'`
      conflicts.push({ field: 'address', value, holder: hostname, problem })
    } else if (unusable(next, address) !== undefined) {
      const problem = `${reserved}, which could not have it in subnet '${name}' any more`
      conflicts.push({ field: 'address', value, holder: hostname, problem })
    }
  }
  return conflicts
}
