import type { SubnetName } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'

/**
 * One NIC's address in one subnet. The key is the MAC and not the client identifier, since firmware,
 * iPXE and Linux send three different identifiers for the same port; and the subnet with it, since
 * VLANs on one NIC share its MAC.
 */
export interface Lease {
  readonly mac: Mac
  readonly subnet: SubnetName
  readonly address: Ipv4
  /**
   * `offered`: reserved at DHCPOFFER, so that no other machine is offered it.
   * `bound`: acknowledged. `released`: given back; remembered so that the machine gets it again.
   */
  readonly state: 'offered' | 'bound' | 'released'
  readonly since: EpochMs
  readonly expires: EpochMs
}

/** Whether the address is this NIC's at this moment, so that nobody else may have it. */
export const isActive = (lease: Lease, now: EpochMs): boolean =>
  lease.state !== 'released' && lease.expires > now

/** Whether the machine really uses the address (an offer is a promise, not a use). */
export const isHeld = (lease: Lease, now: EpochMs): boolean =>
  lease.state === 'bound' && lease.expires > now
