import type { Ipv4 } from '../values/ipv4.ts'
import type { Decided } from './change.ts'
import type { LeaseFacts } from './facts.ts'

/**
 * Forgets the lease on an address, in whatever state it is, so that others can have the address. The
 * machine is not told: DHCP has no message for that which machines obey.
 */
export function planRemoveLease(
  facts: Pick<LeaseFacts, 'leaseByAddress'>,
  address: Ipv4,
): Decided<'removed' | 'not-found'> {
  const lease = facts.leaseByAddress(address)
  if (lease === undefined) return { changes: [], result: 'not-found' }
  const { subnet, mac } = lease
  return { changes: [{ kind: 'lease.delete', subnet, mac }], result: 'removed' }
}
