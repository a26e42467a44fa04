import {
  type Ipv4,
  type Ipv4Network,
  ipv4FromBytes,
  ipv4ToBytes,
  networkBase,
} from '../values/ipv4.ts'
import { type SmbiosUuid, smbiosUuidFromBytes, smbiosUuidToBytes } from '../values/uuid.ts'
import {
  type DhcpOptions,
  type OptionCodec,
  address,
  addresses,
  codec,
  duration,
  exactly,
  fromLatin1,
  joined,
  type OptionEntry,
  raw,
  type Shape,
  text,
  toLatin1,
  u16,
  u16s,
  u8,
  u8s,
} from './dhcp-codec.ts'
import { encapsulated } from './dhcp-encapsulated.ts'
import { DhcpDecodeError, DhcpEncodeError } from './dhcp-error.ts'
import { relayAgent } from './dhcp-relay.ts'
import { Reader } from './reader.ts'

export { type DhcpOptions, type OptionCodec, type OptionEntry, optionsOf } from './dhcp-codec.ts'
export { type SubOptions } from './dhcp-encapsulated.ts'
export { type RelayAgent, relayAgentOf } from './dhcp-relay.ts'

const messageTypes = [
  'discover',
  'offer',
  'request',
  'decline',
  'ack',
  'nak',
  'release',
  'inform',
] as const

/** RFC 2131's eight by name; any other (RFC 3203, 4388, 6926, …) stays the number that it is. */
export type DhcpMessageType = (typeof messageTypes)[number] | number

const messageType: Shape<DhcpMessageType> = {
  decode(bytes, refuse) {
    const number = u8.decode(bytes, refuse) ?? 0
    return messageTypes[number - 1] ?? number
  },
  encode: (value, refuse) =>
    u8.encode(typeof value === 'number' ? value : messageTypes.indexOf(value) + 1, refuse),
}

const overloads = ['file', 'sname', 'both'] as const

/** Which of BOOTP's two text fields hold options instead. */
export type Overload = (typeof overloads)[number]

const overload: Shape<Overload> = {
  decode(bytes, refuse) {
    const number = u8.decode(bytes, refuse) ?? 0
    return overloads[number - 1] ?? refuse(`is ${number}; 1, 2 and 3 are right`)
  },
  encode: (value) => Uint8Array.of(overloads.indexOf(value) + 1),
}

/** RFC 3004 4: each class behind its length. iPXE and most firmware send one class with no length. */
const userClass: Shape<readonly string[]> = {
  decode(bytes) {
    const classes: string[] = []
    for (let offset = 0; offset < bytes.length;) {
      const length = bytes[offset] ?? 0
      const end = offset + 1 + length
      if (length === 0 || end > bytes.length) return [fromLatin1(bytes)]
      classes.push(fromLatin1(bytes.subarray(offset + 1, end)))
      offset = end
    }
    return classes
  },
  encode(classes, refuse) {
    if (classes.length === 0) refuse('needs at least one class')
    return joined(
      classes.flatMap((name) => {
        if (name.length === 0 || name.length > 255) refuse('takes classes of 1 to 255 octets')
        return [Uint8Array.of(name.length), toLatin1(name, refuse)]
      }),
    )
  },
}

/** Option 77 as iPXE sends it: one class, with no length before it. For clients. */
export const rawUserClass = (name: string): OptionEntry => [
  77,
  toLatin1(name, (problem) => {
    throw new DhcpEncodeError('option 77 (User Class)', problem)
  }),
]

/** The network card's programming interface; type 1 is UNDI. */
export interface ClientNdi {
  readonly type: number
  readonly major: number
  readonly minor: number
}

const clientNdi: Shape<ClientNdi> = {
  decode(bytes, refuse) {
    const [type = 0, major = 0, minor = 0] = exactly(3, bytes, refuse)
    return { type, major, minor }
  },
  encode: ({ type, major, minor }, refuse) =>
    joined([type, major, minor].map((octet) => u8.encode(octet, refuse))),
}

/** Reads as absent: no octets at all, a type other than 0, the UUIDs of boards that have none. */
const clientUuid: Shape<SmbiosUuid> = {
  decode(bytes, refuse) {
    if (bytes.length === 0) return undefined
    exactly(17, bytes, refuse)
    return bytes[0] === 0 ? smbiosUuidFromBytes(bytes.subarray(1)) : undefined
  },
  encode: (uuid) => Uint8Array.of(0, ...smbiosUuidToBytes(uuid)),
}

export interface ClasslessRoute {
  readonly destination: Ipv4Network
  /** 0.0.0.0: the destination is on the link itself (RFC 3442, "Local Subnet Routes"). */
  readonly router: Ipv4
}

const classlessRoutes: Shape<readonly ClasslessRoute[]> = {
  decode(bytes, refuse) {
    if (bytes.length === 0) refuse('needs at least one route')
    const field = 'option 121 (Classless Route Option Format)'
    const reader = new Reader(
      bytes,
      (offset, at, problem) => new DhcpDecodeError(offset, at, problem),
    )
    const routes: ClasslessRoute[] = []
    while (reader.remaining > 0) {
      const prefix = reader.u8(field)
      if (prefix > 32) refuse(`has a prefix of ${prefix} bits; 32 are the most`, reader.offset - 1)
      const octets = new Uint8Array(4)
      octets.set(reader.take(Math.ceil(prefix / 8), field))
      const router = ipv4FromBytes(reader.take(4, field))
      routes.push({
        destination: { base: networkBase(ipv4FromBytes(octets), prefix), prefix },
        router,
      })
    }
    return routes
  },
  encode(routes, refuse) {
    if (routes.length === 0) refuse('needs at least one route')
    return joined(
      routes.flatMap(({ destination: { base, prefix }, router }) => [
        Uint8Array.of(prefix),
        ipv4ToBytes(base).subarray(0, Math.ceil(prefix / 8)),
        ipv4ToBytes(router),
      ]),
    )
  },
}

/**
 * For options that only describe a client: one that is malformed counts as absent, for a machine must
 * not stay down because its firmware miscounts its UUID.
 */
export function readLeniently<T>(codec: OptionCodec<T>, options: DhcpOptions): T | undefined {
  try {
    return codec.read(options)
  } catch (error) {
    if (error instanceof DhcpDecodeError) return undefined
    throw error
  }
}

/** Every option that we read or write by meaning. The rest stay octets, and survive. */
export const option = {
  /** RFC 2132 3.3. */
  subnetMask: codec(1, address),
  /** RFC 2132 3.5: nearest first. */
  router: codec(3, addresses),
  /** RFC 2132 3.8: best first. */
  domainNameServers: codec(6, addresses),
  /** RFC 2132 3.14: as the client calls itself, or shall. */
  hostName: codec(12, text),
  /** RFC 2132 3.17. */
  domainName: codec(15, text),
  /** RFC 2132 5.1: octets of an IP datagram; 68 at the least. */
  interfaceMtu: codec(26, u16),
  /** RFC 2132 5.3. */
  broadcastAddress: codec(28, address),
  /** RFC 2132 8.3: best first. */
  ntpServers: codec(42, addresses),
  /** RFC 2132 8.4: its form belongs to the vendor that option 60 names; PXE's is in Intel's PXE 2.1. */
  vendorSpecific: codec(43, raw),
  /** RFC 2132 9.1. */
  requestedAddress: codec(50, address),
  /** RFC 2132 9.2: seconds; 4294967295 is for ever. */
  leaseTime: codec(51, duration),
  /** RFC 2132 9.3. Part of the framing: decodeDhcp takes it away, encodeDhcp adds it where needed. */
  overload: codec(52, overload),
  /** RFC 2132 9.6. */
  messageType: codec(53, messageType),
  /** RFC 2132 9.7: the server's address, which names it among several. */
  serverIdentifier: codec(54, address),
  /** RFC 2132 9.8: option codes, in order of preference. */
  parameterRequestList: codec(55, u8s),
  /** RFC 2132 9.9: why a NAK or a DECLINE. */
  message: codec(56, text),
  /** RFC 2132 9.10: octets with IP and UDP headers, 576 at the least; see largestReply. */
  maxMessageSize: codec(57, u16),
  /** RFC 2132 9.11, T1: seconds. */
  renewalTime: codec(58, duration),
  /** RFC 2132 9.12, T2: seconds. */
  rebindingTime: codec(59, duration),
  /** RFC 2132 9.13, e.g. `PXEClient:Arch:00007:UNDI:003000`. */
  vendorClass: codec(60, text),
  /** RFC 2132 9.14: octets to compare, without meaning; echoed in replies (RFC 6842). */
  clientIdentifier: codec(61, raw),
  /** RFC 2132 9.4: a name or an address, where sname is overloaded. */
  tftpServerName: codec(66, text),
  /** RFC 2132 9.5: a path, or a URL for HTTP boot. */
  bootFileName: codec(67, text),
  /** RFC 3004. Written in the RFC's form; rawUserClass writes iPXE's. */
  userClass: codec(77, userClass),
  /** RFC 3046. */
  relayAgent,
  /** RFC 4578 2.1, numbers from IANA's "Processor Architecture Types": 0 BIOS, 7 and 9 x64 UEFI, 16 x64 HTTP. */
  clientArchitecture: codec(93, u16s),
  /** RFC 4578 2.2. */
  clientNdi: codec(94, clientNdi),
  /** RFC 4578 2.3: type 0 and the SMBIOS UUID, 17 octets; some send none. */
  clientUuid: codec(97, clientUuid),
  /** RFC 3011: an address in the subnet that the client wants one from. */
  subnetSelection: codec(118, address),
  /** RFC 3442. Replaces options 3 and 33 where a client takes it. */
  classlessRoutes: codec(121, classlessRoutes),
  /** No RFC: iPXE's own sub-options (ipxe.org, "DHCP options"). 176 with 1 stops the wait for proxies. */
  ipxe: codec(175, encapsulated('option 175 (iPXE Encapsulated Options)')),
} as const
