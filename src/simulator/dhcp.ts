import { formatIpv4, type Ipv4, parseIpv4, unspecified } from '../values/ipv4.ts'
import { macToBytes } from '../values/mac.ts'
import { decodeDhcp, DhcpDecodeError, type DhcpMessage, encodeDhcp } from '../wire/dhcp.ts'
import { option } from '../wire/dhcp-options.ts'
import { type Chosen, type DhcpClient, type Nic, optionsOfClient } from './dhcp-clients.ts'
import type { Site } from './link.ts'

/** What an ACK gave. */
export interface Lease {
  readonly address: Ipv4
  readonly server: Ipv4
  /** Where the boot file is: siaddr, or option 66 with an address in it, or the server itself. */
  readonly nextServer: Ipv4
  /** Option 67, or `file`. */
  readonly bootFile: string | undefined
  readonly hostname: string | undefined
}

export type DhcpResult =
  | { readonly kind: 'bound'; readonly lease: Lease }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly message: 'DISCOVER' | 'REQUEST' }

/** What this client wants of an offer, beyond an address. */
export type Wants = (offer: DhcpMessage) => boolean

const anything: Wants = () => true

/** UEFI 2.10, 24.7.3.1: other offers are not for HTTP boot. */
export const wantsHttpBoot: Wants = ({ options }) =>
  option.vendorClass.read(options)?.startsWith('HTTPClient') === true

/** More would be a server that takes back what it offers for ever. */
const rounds = 3

/** DISCOVER, OFFER, REQUEST, ACK (RFC 2131 3.1), with this client's own packets and patience. */
export async function obtainLease(
  client: DhcpClient,
  nic: Nic,
  site: Site,
  signal: AbortSignal,
  wants = anything,
): Promise<DhcpResult> {
  const link = await site.plugIn()
  try {
    for (let round = 1; ; round += 1) {
      const result = await oneRound()
      if (result.kind !== 'refused' || round === rounds) return result
    }
  } finally {
    link.close()
  }

  async function oneRound(): Promise<DhcpResult> {
    const xid = Buffer.from(site.random(4)).readUInt32BE()
    let sent = 0
    const packet = (chosen?: Chosen): Uint8Array => {
      sent += 1
      return clientPacket(client, nic, { xid, packet: sent, chosen })
    }
    const answers = { xid, nic, signal, link, sleep: site.sleep, waits: client.waits }
    const offer = await ask({ ...answers, packet, types: ['offer'], wants })
    if (offer === undefined) return { kind: 'unanswered', message: 'DISCOVER' }
    const server = option.serverIdentifier.read(offer.options) ?? offer.siaddr
    const chosen = { server, address: offer.yiaddr }
    const answer = await ask({
      ...answers,
      packet: () => packet(chosen),
      types: ['ack', 'nak'],
      wants: ({ options }) => option.serverIdentifier.read(options) === server,
    })
    if (answer === undefined) return { kind: 'unanswered', message: 'REQUEST' }
    if (option.messageType.read(answer.options) === 'nak') {
      const said = option.message.read(answer.options) ?? 'without a reason'
      return { kind: 'refused', reason: `${formatIpv4(server)} refused: ${said}` }
    }
    return { kind: 'bound', lease: leaseOf(answer, server) }
  }
}

interface Ask {
  readonly xid: number
  readonly nic: Nic
  readonly signal: AbortSignal
  readonly link: Awaited<ReturnType<Site['plugIn']>>
  readonly sleep: Site['sleep']
  readonly waits: readonly number[]
  /** Made anew for each repetition: it counts. */
  readonly packet: () => Uint8Array
  readonly types: readonly ('offer' | 'ack' | 'nak')[]
  readonly wants: Wants
}

/** Sends until the first fitting answer is there, or patience ends. */
async function ask(options: Ask): Promise<DhcpMessage | undefined> {
  const { xid, nic, signal, link, sleep, waits, packet, types, wants } = options
  const answer = Promise.withResolvers<DhcpMessage>()
  link.onPacket((bytes) => {
    const message = decodedDhcp(bytes)
    const type = message && option.messageType.read(message.options)
    const isForUs =
      message?.op === 'reply' &&
      message.xid === xid &&
      Buffer.from(message.chaddr).equals(macToBytes(nic.mac))
    if (isForUs && types.some((each) => each === type) && wants(message)) answer.resolve(message)
  })
  for (const seconds of waits) {
    link.send(packet())
    const waiting = new AbortController()
    const either = AbortSignal.any([signal, waiting.signal])
    const nothing = sleep(seconds * 1000, either).then(() => undefined)
    const message = await Promise.race([answer.promise, nothing])
    waiting.abort()
    if (message !== undefined) return message
  }
  return undefined
}

/** One packet of a client, octet for octet. */
export function clientPacket(
  client: DhcpClient,
  nic: Nic,
  of: { readonly xid: number; readonly packet: number; readonly chosen?: Chosen | undefined },
): Uint8Array {
  const message: DhcpMessage = {
    op: 'request',
    htype: 1,
    hops: 0,
    xid: of.xid,
    secs: client.secs(of.packet, of.chosen !== undefined),
    broadcast: client.broadcast,
    flags: 0,
    ciaddr: unspecified,
    yiaddr: unspecified,
    siaddr: unspecified,
    giaddr: unspecified,
    chaddr: macToBytes(nic.mac),
    sname: '',
    file: '',
    options: optionsOfClient(client, nic, of.chosen),
  }
  return encodeDhcp(message, { minSize: client.minSize })
}

function leaseOf(ack: DhcpMessage, server: Ipv4): Lease {
  const { options, siaddr, file, yiaddr: address } = ack
  const named = parseIpv4(option.tftpServerName.read(options) ?? '')
  const bootFile = option.bootFileName.read(options) ?? file
  return {
    address,
    server,
    nextServer: siaddr !== unspecified ? siaddr : named.ok ? named.value : server,
    bootFile: bootFile === '' ? undefined : bootFile,
    hostname: option.hostName.read(options),
  }
}

/** Rubbish is not for anybody: undefined. */
export function decodedDhcp(bytes: Uint8Array): DhcpMessage | undefined {
  try {
    return decodeDhcp(bytes)
  } catch (error) {
    if (error instanceof DhcpDecodeError) return undefined
    throw error
  }
}
