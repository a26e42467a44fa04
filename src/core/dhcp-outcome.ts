import type { BootId } from '../values/ids.ts'
import { unspecified, type Ipv4 } from '../values/ipv4.ts'
import { after, type EpochMs, type Seconds } from '../values/time.ts'
import type { DhcpMessage } from '../wire/dhcp.ts'
import type { BootEvent } from './boot-event.ts'
import type { Change } from './change.ts'
import { bootAnswer, type BootAnswer, type BootSources } from './dhcp-boot.ts'
import type { DhcpClient } from './dhcp-client.ts'
import { isFromTheWire, type Origin } from './dhcp-origin.ts'
import { destinationOf, grantReply, nakReply, type Destination } from './dhcp-reply.ts'
import type { BootFacts, InventoryFacts, LeaseFacts } from './facts.ts'
import { isHeld, type Lease } from './lease.ts'
import type { Machine } from './machine.ts'
import type { Seen } from './seen.ts'
import type { Subnet } from './subnet.ts'
import { recordAll } from './timeline.ts'

/** Where a message was received, and what this server has to offer there. */
export interface DhcpContext extends BootSources, Origin {
  /** The address of the interface it came in on: our server identifier, and next-server. */
  readonly server: Ipv4
  /** For a boot that this message may begin. */
  readonly freshBoot: BootId
}

export type DhcpFacts = InventoryFacts & LeaseFacts & BootFacts

/** Why nothing is sent; also the label by which such packets are counted. */
export type Silence =
  | 'not-a-request' // a reply of another server, or BOOTP
  | 'not-ethernet'
  | 'no-subnet' // nothing is configured for where it came from
  | 'unregistered' // the subnet ignores machines that the inventory does not know
  | 'no-address' // every pool address is taken
  | 'other-server' // the client took another server's offer
  | 'no-record' // not ours to say: RFC 2131 4.3.2 wants silence
  | 'needs-none' // RELEASE and DECLINE have no answer

export type DhcpDecision = {
  readonly changes: readonly Change[]
  /** A MAC that the inventory does not know, for the list of those to register. */
  readonly stranger?: { readonly client: DhcpClient; readonly subnet: Subnet }
} & (
  | {
      readonly kind: 'reply'
      readonly type: 'offer' | 'ack' | 'nak'
      readonly reply: DhcpMessage
      readonly to: Destination
    }
  | { readonly kind: 'silence'; readonly reason: Silence }
)

/** Long enough for firmware to follow an offer up (OVMF takes 4 s), short enough to give it back. */
const offerTime = 60 as Seconds

/** One message, and all that is known about it. */
export interface Asked {
  readonly message: DhcpMessage
  readonly context: DhcpContext
  readonly facts: DhcpFacts
  readonly now: EpochMs
  readonly client: DhcpClient
  readonly subnet: Subnet
  readonly machine: Machine | undefined
}

/** An OFFER or an ACK of this address, with the lease that makes it true. */
export function grant(asked: Asked, type: 'offer' | 'ack', address: Ipv4): DhcpDecision {
  const { message, context, subnet, machine, client } = asked
  const boot = bootAnswer(client, context)
  const { server } = context
  return {
    kind: 'reply',
    type,
    reply: grantReply(message, type, { address, subnet, machine, server, boot }),
    to: destinationOf(message, type),
    changes: [...leaseChanges(asked, type, address), ...grantEvents(asked, type, address, boot)],
    ...strangerOf(asked),
  }
}

function leaseChanges({ facts, now, subnet, client }: Asked, type: 'offer' | 'ack', address: Ipv4) {
  const { mac } = client
  const before = facts.lease(subnet.name, mac)
  const same = before?.address === address ? before : undefined
  // An offer must not turn a lease into a mere offer: neither this NIC's own, nor that of the machine's
  // other NIC, from which the reserved address passes over when it is asked for in earnest.
  const held = facts.leaseByAddress(address)
  if (type === 'offer' && held && isHeld(held, now)) return []
  const lease: Lease = {
    mac,
    subnet: subnet.name,
    address,
    state: type === 'offer' ? 'offered' : 'bound',
    since: same && isHeld(same, now) ? same.since : now,
    expires: after(now, type === 'offer' ? offerTime : subnet.leaseTime),
  }
  return [{ kind: 'lease.put', lease } as const]
}

/** A renewal is no step of a boot: months of them would drown the timeline. */
function grantEvents(
  asked: Asked,
  type: 'offer' | 'ack',
  address: Ipv4,
  boot: BootAnswer,
): readonly Change[] {
  const { message, client } = asked
  if (message.ciaddr !== unspecified) return []
  const seen = {
    client: client.kind,
    address,
    ...(client.arch === undefined ? {} : { arch: client.arch }),
    ...(client.relay === undefined ? {} : { relay: client.relay }),
  }
  const granted: BootEvent = { kind: `dhcp.${type}`, ...seen }
  if (type === 'ack' || boot.kind !== 'missing') return happened(asked, granted)
  const { arch, reason } = boot
  return happened(asked, granted, { kind: 'boot-file.missing', arch, reason })
}

export function refuse(asked: Asked, reason: string): DhcpDecision {
  const { message, context, client } = asked
  return {
    kind: 'reply',
    type: 'nak',
    reply: nakReply(message, context.server, reason),
    to: destinationOf(message, 'nak'),
    changes: happened(asked, { kind: 'dhcp.nak', client: client.kind, reason }),
  }
}

/** Only machines of the inventory have a timeline: strangers could fill the disk with theirs. */
export const happened = (asked: Asked, ...events: readonly BootEvent[]): readonly Change[] => {
  const { machine, client, facts, context, now } = asked
  if (machine === undefined) return []
  const { mac } = client
  const seen = seenIn(asked)
  // Firmware and iPXE that speak from a running machine's address are neither.
  if (seen === undefined && client.kind !== 'system' && context.source !== undefined) return []
  return recordAll(
    events.map((event) => ({ machine: machine.id, mac, event, ...(seen && { seen }) })),
    facts.latestBoot(machine.id),
    context.freshBoot,
    now,
  )
}

/** What a message that came over the wire says of the machine itself. */
function seenIn({ message, context, facts, now, client }: Asked): Seen | undefined {
  if (!isFromTheWire(message, context, facts, now)) return undefined
  const { mac, kind, uuid, relay = unspecified, circuit = '' } = client
  return {
    ...(kind === 'system' ? {} : { netboot: now }),
    ...(uuid === undefined ? {} : { uuids: [uuid] }),
    ports: [{ mac, relay, circuit }],
  }
}

export const silence = (reason: Silence, changes: readonly Change[] = []) =>
  ({ kind: 'silence', reason, changes }) as const

export const strangerOf = ({ machine, client, subnet }: Asked) =>
  machine === undefined ? { stranger: { client, subnet } } : {}
