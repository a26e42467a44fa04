import { formatIpv4, inNetwork, unspecified, type Ipv4 } from '../values/ipv4.ts'
import { after, type EpochMs, type Seconds } from '../values/time.ts'
import { option } from '../wire/dhcp-options.ts'
import type { DhcpMessage } from '../wire/dhcp.ts'
import type { BootEvent } from './boot-event.ts'
import type { Change } from './change.ts'
import { chooseAddress, mayHave, type AddressRequest } from './dhcp-address.ts'
import { bootAnswer } from './dhcp-boot.ts'
import { dhcpClient, relayAgent } from './dhcp-client.ts'
import {
  grant,
  happened,
  refuse,
  silence,
  strangerOf,
  type Asked,
  type DhcpContext,
  type DhcpDecision,
  type DhcpFacts,
} from './dhcp-outcome.ts'
import { destinationOf, grantReply } from './dhcp-reply.ts'

/** After a DECLINE: long enough for the intruder to be found out, short enough to lose no pool. */
const quarantineTime = 300 as Seconds

/** What to do about one message (RFC 2131 4.3), as data: nothing is sent and nothing is kept here. */
export function decideDhcp(
  message: DhcpMessage,
  context: DhcpContext,
  facts: DhcpFacts,
  now: EpochMs,
): DhcpDecision {
  if (message.op !== 'request') return silence('not-a-request')
  const type = option.messageType.read(message.options)
  const client = dhcpClient(message)
  if (client === undefined) return silence('not-ethernet')
  const subnet = subnetOf(message, context, facts)
  if (subnet === undefined) return silence('no-subnet')
  const machine = facts.machineByMac(client.mac)
  const asked: Asked = { message, context, facts, now, client, subnet, machine }
  if (machine === undefined && subnet.unregistered === 'ignore') {
    return { ...silence('unregistered'), ...strangerOf(asked) }
  }
  switch (type) {
    case 'discover':
      return discover(asked)
    case 'request':
      return request(asked)
    case 'release':
      return release(asked)
    case 'decline':
      return decline(asked)
    case 'inform':
      return inform(asked)
    case 'offer':
    case 'ack':
    case 'nak':
    case undefined:
      return silence('not-a-request')
    default:
      return silence('not-a-request') // RFC 4388 and later: types that this server does not speak
  }
}

/** RFC 3527, RFC 2131 4.3.1; a renewing client speaks from where it is, past the relay. */
function subnetOf(message: DhcpMessage, context: DhcpContext, facts: DhcpFacts) {
  const link = relayAgent(message)?.linkSelection
  if (link !== undefined) return facts.subnetOf(link)
  if (message.giaddr !== unspecified) return facts.subnetOf(message.giaddr)
  return facts.subnetOf(message.ciaddr === unspecified ? context.server : message.ciaddr)
}

function discover(asked: Asked): DhcpDecision {
  const { message, facts, now } = asked
  const requested = option.requestedAddress.read(message.options)
  const address = chooseAddress(addressRequest(asked, requested), facts, now)
  if (address === undefined) {
    const reason = `subnet ${asked.subnet.name} has no free address`
    return {
      ...silence(
        'no-address',
        happened(asked, { kind: 'dhcp.no-answer', client: asked.client.kind, reason }),
      ),
      ...strangerOf(asked),
    }
  }
  return grant(asked, 'offer', address)
}

function request(asked: Asked): DhcpDecision {
  const { message, context, facts, now, subnet, client } = asked
  const chosen = option.serverIdentifier.read(message.options)
  const override = relayAgent(message)?.serverIdentifierOverride
  if (chosen !== undefined && chosen !== context.server && chosen !== override) {
    return silence('other-server', withdrawOffer(asked))
  }
  const requested = option.requestedAddress.read(message.options)
  const address = message.ciaddr === unspecified ? requested : message.ciaddr
  if (address === undefined) return silence('not-a-request')
  const wants = addressRequest(asked, address)
  const lease = facts.lease(subnet.name, client.mac)
  // Without option 54 the client was not answering our offer: it remembers an address (INIT-REBOOT,
  // RENEWING, REBINDING). What we know nothing about is not ours to refuse.
  const ours = chosen !== undefined || lease !== undefined || asked.machine !== undefined
  if (!inNetwork(subnet.network, address)) {
    return ours
      ? refuse(asked, `${formatIpv4(address)} is not in subnet ${subnet.name}`)
      : silence('no-record')
  }
  if (!mayHave(address, wants, facts, now)) {
    return ours
      ? refuse(asked, `${formatIpv4(address)} is not this machine's`)
      : silence('no-record')
  }
  // A machine that comes back is moved to its reservation; one that runs keeps its address until then,
  // and so does one that took our offer: a NAK makes some firmware give up netbooting.
  const isBack = chosen === undefined && message.ciaddr === unspecified
  const reserved = asked.machine?.address
  if (
    isBack &&
    reserved !== undefined &&
    address !== reserved &&
    mayHave(reserved, wants, facts, now)
  ) {
    return refuse(asked, `${formatIpv4(reserved)} is reserved for this machine`)
  }
  if (!ours) return silence('no-record')
  return grant(asked, 'ack', address)
}

function release(asked: Asked): DhcpDecision {
  const { message, facts, now, subnet, client } = asked
  const lease = facts.lease(subnet.name, client.mac)
  if (lease === undefined || lease.address !== message.ciaddr) return silence('needs-none')
  const event: BootEvent = { kind: 'dhcp.release', address: lease.address }
  return silence('needs-none', [
    { kind: 'lease.put', lease: { ...lease, state: 'released', expires: now } },
    ...happened(asked, event),
  ])
}

/** The client found its address in use: nobody gets it for a while, and somebody should look. */
function decline(asked: Asked): DhcpDecision {
  const { message, facts, now, subnet, client } = asked
  const address = option.requestedAddress.read(message.options)
  const lease = facts.lease(subnet.name, client.mac)
  if (lease === undefined || lease.address !== address) return silence('needs-none')
  return silence('needs-none', [
    { kind: 'lease.delete', subnet: subnet.name, mac: client.mac },
    { kind: 'quarantine.put', quarantine: { address, until: after(now, quarantineTime) } },
    ...happened(asked, { kind: 'dhcp.decline', address }),
  ])
}

/** The client has an address from elsewhere and wants the rest (RFC 2131 4.3.5). */
function inform(asked: Asked): DhcpDecision {
  const { message, context, subnet, machine, client } = asked
  if (message.ciaddr === unspecified) return silence('not-a-request')
  const boot = bootAnswer(client, context)
  const reply = grantReply(
    message,
    'ack',
    { address: message.ciaddr, subnet, machine, server: context.server, boot },
    true,
  )
  return { kind: 'reply', type: 'ack', reply, to: destinationOf(message, 'ack'), changes: [] }
}

/** The client took another server's offer: ours is free again (RFC 2131 4.3.2). */
function withdrawOffer({ facts, subnet, client: { mac } }: Asked): readonly Change[] {
  const lease = facts.lease(subnet.name, mac)
  return lease?.state === 'offered' ? [{ kind: 'lease.delete', subnet: subnet.name, mac }] : []
}

const addressRequest = (asked: Asked, requested: Ipv4 | undefined): AddressRequest => ({
  subnet: asked.subnet,
  mac: asked.client.mac,
  client: asked.client.kind,
  machine: asked.machine,
  requested,
})
