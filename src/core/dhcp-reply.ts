import {
  broadcastOf,
  formatIpv4,
  limitedBroadcast,
  netmask,
  unspecified,
  type Ipv4,
} from '../values/ipv4.ts'
import { seconds } from '../values/time.ts'
import {
  option,
  optionsOf,
  readLeniently,
  type DhcpOptions,
  type OptionEntry,
} from '../wire/dhcp-options.ts'
import type { DhcpMessage, DhcpMessageType } from '../wire/dhcp.ts'
import type { BootAnswer } from './dhcp-boot.ts'
import { relayAgent } from './dhcp-client.ts'
import type { Machine } from './machine.ts'
import type { Subnet } from './subnet.ts'

/** Where a reply goes. Ports are the shell's: 67 and 68, or the high ones of a test. */
export type Destination =
  | { readonly kind: 'relay'; readonly address: Ipv4 }
  | { readonly kind: 'client'; readonly address: Ipv4 }
  /** To all on the segment: the client has no address yet, or its address is not to be trusted. */
  | { readonly kind: 'segment' }

export interface Grant {
  readonly address: Ipv4
  readonly subnet: Subnet
  readonly machine: Machine | undefined
  readonly server: Ipv4
  readonly boot: BootAnswer
}

/** @param type `ack` for an INFORM says no lease times and gives no address (RFC 2131 4.3.5) */
export function grantReply(
  request: DhcpMessage,
  type: 'offer' | 'ack',
  grant: Grant,
  isInform = false,
): DhcpMessage {
  const { address, server, boot } = grant
  const file = boot.kind === 'file' ? boot.file : ''
  return {
    ...replyTo(request),
    ciaddr: type === 'ack' ? request.ciaddr : unspecified,
    yiaddr: isInform ? unspecified : address,
    siaddr: boot.kind === 'file' ? server : unspecified,
    file: file.length <= 127 ? file : '', // the field has 128 octets, one of them NUL
    options: optionsOf(
      option.messageType.write(type),
      option.serverIdentifier.write(serverIdentifier(request, server)),
      ...(isInform ? [] : leaseTimes(grant.subnet)),
      ...networkOptions(request.options, grant),
      ...bootOptions(grant),
      ...echoed(request),
    ),
  }
}

export const nakReply = (request: DhcpMessage, server: Ipv4, reason: string): DhcpMessage => ({
  ...replyTo(request),
  // RFC 2131 4.3.2: behind a relay the client cannot be reached by its old address.
  broadcast: request.giaddr !== unspecified || request.broadcast,
  options: optionsOf(
    option.messageType.write('nak' satisfies DhcpMessageType),
    option.serverIdentifier.write(serverIdentifier(request, server)),
    option.message.write(reason),
    ...echoed(request),
  ),
})

/** RFC 2131 4.1. A client without an address cannot be sent unicast from here: broadcast is allowed. */
export function destinationOf(request: DhcpMessage, type: DhcpMessageType): Destination {
  if (request.giaddr !== unspecified) return { kind: 'relay', address: request.giaddr }
  if (type !== 'nak' && request.ciaddr !== unspecified && request.ciaddr !== limitedBroadcast) {
    return { kind: 'client', address: request.ciaddr }
  }
  return { kind: 'segment' }
}

const replyTo = (request: DhcpMessage): DhcpMessage => ({
  ...request,
  op: 'reply',
  hops: 0,
  secs: 0,
  ciaddr: unspecified,
  yiaddr: unspecified,
  siaddr: unspecified,
  sname: '',
  file: '',
})

/** RFC 5107: a relay that wants renewals to pass through it names itself as the server. */
const serverIdentifier = (request: DhcpMessage, server: Ipv4): Ipv4 =>
  relayAgent(request)?.serverIdentifierOverride ?? server

/** RFC 2131 4.4.5: T1 at half of the lease, T2 at seven eighths. */
const leaseTimes = ({ leaseTime }: Subnet): readonly OptionEntry[] => [
  option.leaseTime.write(leaseTime),
  option.renewalTime.write(seconds(Math.floor(leaseTime / 2))),
  option.rebindingTime.write(seconds(Math.floor((leaseTime * 7) / 8))),
]

/** What the client asks for in option 55, or all of it from a client that asks for nothing. */
function networkOptions(asked: DhcpOptions, grant: Grant): readonly OptionEntry[] {
  const { subnet, machine } = grant
  const wanted = readLeniently(option.parameterRequestList, asked)
  const entries: OptionEntry[] = [
    option.subnetMask.write(netmask(subnet.network.prefix)),
    option.broadcastAddress.write(broadcastOf(subnet.network)),
  ]
  if (subnet.router !== undefined) entries.push(option.router.write([subnet.router]))
  if (subnet.dns.length > 0) entries.push(option.domainNameServers.write(subnet.dns))
  if (subnet.domain !== undefined) entries.push(option.domainName.write(subnet.domain))
  if (subnet.ntp.length > 0) entries.push(option.ntpServers.write(subnet.ntp))
  if (machine !== undefined) entries.push(option.hostName.write(machine.hostname))
  // The netmask goes out unasked: without it a client guesses one from the address's class.
  return entries.filter(
    ([code]) => code === option.subnetMask.code || wanted === undefined || wanted.includes(code),
  )
}

/** Some firmware reads the header's fields, some the options, so both say the same. */
function bootOptions({ boot, server }: Grant): readonly OptionEntry[] {
  if (boot.kind !== 'file') return []
  return [
    option.tftpServerName.write(formatIpv4(server)),
    option.bootFileName.write(boot.file),
    ...boot.options,
  ]
}

/** One option's worth (RFC 3396): more would leave no room for the reply itself. */
const longestEcho = 255

/** The client identifier as it came (RFC 6842), and the relay's option 82 (RFC 3046 2.2). */
const echoed = ({ options }: DhcpMessage): readonly OptionEntry[] =>
  [option.clientIdentifier.code, option.relayAgent.code].flatMap((code) => {
    const raw = options.get(code)
    return raw === undefined || raw.length > longestEcho ? [] : [[code, raw] as const]
  })
