import { inNetwork, unspecified, type Ipv4, type Ipv4Network } from '../values/ipv4.ts'
import type { EpochMs } from '../values/time.ts'
import type { DhcpMessage } from '../wire/dhcp.ts'
import type { LeaseFacts } from './facts.ts'
import { isHeld } from './lease.ts'

export interface Origin {
  /** The datagram's source address; undefined when nobody knows it. */
  readonly source?: Ipv4
  /** The relays that are believed; undefined: every address that no machine holds. */
  readonly relays?: readonly Ipv4Network[]
}

const loopback = 127

/**
 * Whether a message comes from where only a NIC that has no address yet can speak: from 0.0.0.0 on
 * the segment (RFC 2131 4.1), or through a relay. A program on a running machine, a pod say, can send
 * any DHCP message to port 67 too; it comes from that machine's address, and is no step of a boot.
 */
export function isFromTheWire(
  { giaddr, ciaddr }: Pick<DhcpMessage, 'giaddr' | 'ciaddr'>,
  { source, relays }: Origin,
  facts: Pick<LeaseFacts, 'leaseByAddress'>,
  now: EpochMs,
): boolean {
  if (source === undefined) return false
  // A server on loopback is somebody trying it out: there is no wire.
  if (source >>> 24 === loopback) return true
  if (giaddr === unspecified) return source === unspecified && ciaddr === unspecified
  if (relays !== undefined) return relays.some((network) => inNetwork(network, source))
  const lease = facts.leaseByAddress(source)
  return lease === undefined || !isHeld(lease, now)
}
