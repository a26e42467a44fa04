import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { ClientKind } from './boot-event.ts'
import type { InventoryFacts, LeaseFacts } from './facts.ts'
import { isActive } from './lease.ts'
import type { Machine } from './machine.ts'
import { inPools, isHostAddress, type Subnet } from './subnet.ts'

/** A NIC that wants an address in a subnet. */
export interface AddressRequest {
  readonly subnet: Subnet
  readonly mac: Mac
  readonly client: ClientKind
  readonly machine: Machine | undefined
  readonly requested: Ipv4 | undefined
}

type AddressFacts = InventoryFacts & LeaseFacts

/**
 * The address for this NIC: its machine's reservation, what it had before, what it asks for, one that
 * nobody ever had, one that nobody needs any more; in this order, so that addresses stay put.
 * @returns undefined when the subnet has none left
 */
export function chooseAddress(
  request: AddressRequest,
  facts: AddressFacts,
  now: EpochMs,
): Ipv4 | undefined {
  const { subnet, mac, machine, requested } = request
  const reserved = machine?.address
  if (reserved !== undefined && mayHave(reserved, request, facts, now)) return reserved
  const before = facts.lease(subnet.name, mac)?.address
  if (before !== undefined && mayHave(before, request, facts, now)) return before
  if (requested !== undefined && mayHave(requested, request, facts, now)) return requested
  return facts.unusedAddress(subnet, now) ?? facts.oldestExpired(subnet, now)?.address
}

/** Whether this NIC could be given this address now without taking it from another. */
export function mayHave(
  address: Ipv4,
  request: AddressRequest,
  facts: AddressFacts,
  now: EpochMs,
): boolean {
  const { subnet, mac, machine } = request
  if (!isHostAddress(subnet, address) || address === subnet.router) return false
  if (facts.isOwn(address)) return false
  if ((facts.quarantinedUntil(address) ?? 0) > now) return false
  const owner = facts.machineByAddress(address)
  if (owner !== undefined && owner.id !== machine?.id) return false
  if (owner === undefined && !inPools(subnet, address)) return false
  const holder = facts.leaseByAddress(address)
  if (holder === undefined || holder.mac === mac || !isActive(holder, now)) return true
  return ownersOtherNic(holder.mac, request, owner)
}

/**
 * The reserved address is the machine's, whichever NIC asks. A machine whose firmware asks has just
 * been powered on: no other NIC of it can still be using the address, whatever the lease says. Once
 * the system runs, a second NIC gets an address of its own.
 */
const ownersOtherNic = (
  holder: Mac,
  { client }: AddressRequest,
  owner: Machine | undefined,
): boolean => client !== 'system' && owner !== undefined && owner.macs.includes(holder)
