import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../values/ipv4.ts'
import { joined, u16, u32, u8 } from './dhcp-codec.ts'
import { DhcpDecodeError, DhcpEncodeError } from './dhcp-error.ts'
import {
  closeField,
  type Field,
  filled,
  fillField,
  joinPieces,
  pieceOf,
  readOptionField,
  readTextField,
  writeTextField,
} from './dhcp-field.ts'
import { type DhcpOptions, option, type Overload } from './dhcp-options.ts'
import { Reader } from './reader.ts'

export { DhcpDecodeError, DhcpEncodeError } from './dhcp-error.ts'
export { type DhcpMessageType } from './dhcp-options.ts'

/** A DHCP or BOOTP message (RFC 2131 2, RFC 951 3). */
export interface DhcpMessage {
  readonly op: 'request' | 'reply'
  /** ARP's hardware type; 1 is Ethernet. */
  readonly htype: number
  readonly hops: number
  /** The client's transaction, unsigned 32 bits. */
  readonly xid: number
  /** Seconds since the client began, as the client counts them. */
  readonly secs: number
  /** Bit 15 of the flags: the client cannot take unicast yet (RFC 2131 4.1). */
  readonly broadcast: boolean
  /** The other 15 bits, which must be zero, and are kept. */
  readonly flags: number
  readonly ciaddr: Ipv4
  readonly yiaddr: Ipv4
  readonly siaddr: Ipv4
  readonly giaddr: Ipv4
  /** As many octets as hlen says, 16 at the most. */
  readonly chaddr: Uint8Array
  /** Latin-1, 63 characters at the most; '' where the field held options. */
  readonly sname: string
  /** Latin-1, 127 characters at the most; '' where the field held options. */
  readonly file: string
  /** All of them but pad, end and overload (0, 255, 52), which are framing. */
  readonly options: DhcpOptions
}

const opRequest = 1
const opReply = 2
const chaddrSize = 16
const snameSize = 64
const fileSize = 128
/** RFC 2131 3. */
const magicCookie = 0x63825363
/** Octets before the options: the header and the cookie. */
const headerSize = 240
const overloadSize = 3
const relayAgentCode = option.relayAgent.code

/**
 * Checks the framing only: sizes, the cookie, options that run over their field's end. What an
 * option means is checked by whoever reads it. The message keeps no reference to `bytes`.
 * @throws DhcpDecodeError and nothing else
 */
export function decodeDhcp(bytes: Uint8Array): DhcpMessage {
  const reader = new Reader(
    new Uint8Array(bytes),
    (offset, field, problem) => new DhcpDecodeError(offset, field, problem),
  )
  const address = (field: string): Ipv4 => ipv4FromBytes(reader.take(4, field))
  const field = (name: Field['name'], size: number): Field => {
    const at = reader.offset
    return { name, bytes: reader.take(size, name), at }
  }

  const op = reader.u8('op')
  if (op !== opRequest && op !== opReply) {
    throw new DhcpDecodeError(0, 'op', `is ${op}; 1 (request) and 2 (reply) are right`)
  }
  const htype = reader.u8('htype')
  const hlen = reader.u8('hlen')
  if (hlen > chaddrSize) {
    throw new DhcpDecodeError(2, 'hlen', `is ${hlen}; chaddr has ${chaddrSize} octets`)
  }
  const hops = reader.u8('hops')
  const xid = reader.u32('xid')
  const secs = reader.u16('secs')
  const flags = reader.u16('flags')
  const ciaddr = address('ciaddr')
  const yiaddr = address('yiaddr')
  const siaddr = address('siaddr')
  const giaddr = address('giaddr')
  const chaddr = reader.take(chaddrSize, 'chaddr').subarray(0, hlen)
  const sname = field('sname', snameSize)
  const file = field('file', fileSize)
  const cookieAt = reader.offset
  const cookie = reader.u32('magic cookie')
  if (cookie !== magicCookie) {
    throw new DhcpDecodeError(cookieAt, 'magic cookie', `is ${cookie.toString(16)}, not 63825363`)
  }
  const { options, overloaded } = readOptions(field('options', reader.remaining), file, sname)

  return {
    op: op === opRequest ? 'request' : 'reply',
    htype,
    hops,
    xid,
    secs,
    broadcast: flags >= 0x8000,
    flags: flags & 0x7fff,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: overloaded.includes(sname) ? '' : readTextField(sname),
    file: overloaded.includes(file) ? '' : readTextField(file),
    options,
  }
}

/** Options first, for they say whether file and then sname hold more of them (RFC 2131 4.1, RFC 3396 5). */
function readOptions(main: Field, file: Field, sname: Field) {
  const pieces = new Map<number, Uint8Array[]>()
  readOptionField(main, pieces)
  const options = joinPieces(pieces)
  const overload = option.overload.read(options)
  if (overload === undefined) return { options, overloaded: [] }

  const overloaded = { file: [file], sname: [sname], both: [file, sname] }[overload]
  for (const field of overloaded) readOptionField(field, pieces)
  pieces.delete(option.overload.code)
  return { options: joinPieces(pieces), overloaded }
}

/** Sizes of the UDP payload in octets. */
export interface DhcpLimits {
  /** Shorter packets are padded: BOOTP's size, which some relays and firmware insist on. Default 300. */
  readonly minSize?: number
  /** See largestReply. Default 548, which every client takes (RFC 2131 2: 312 octets of options). */
  readonly maxSize?: number
}

/**
 * @param limits a message that does not fit spills options into file and then sname if they are
 * empty (option 52): a last resort, because not all firmware reads them
 * @throws DhcpEncodeError if a value does not fit its field, or the options do not fit the packet
 */
export function encodeDhcp(message: DhcpMessage, limits: DhcpLimits = {}): Uint8Array {
  const { minSize = 300, maxSize = 548 } = limits
  if (message.chaddr.length > chaddrSize) {
    throw new DhcpEncodeError('chaddr', `has ${message.chaddr.length} octets; ${chaddrSize} fit`)
  }
  const { options, file, sname } = layOut(message, maxSize)
  const packet = joined([
    u8.encode(message.op === 'request' ? opRequest : opReply, unfit('op')),
    u8.encode(message.htype, unfit('htype')),
    u8.encode(message.chaddr.length, unfit('hlen')),
    u8.encode(message.hops, unfit('hops')),
    u32.encode(message.xid, unfit('xid')),
    u16.encode(message.secs, unfit('secs')),
    u16.encode((message.flags & 0x7fff) | (message.broadcast ? 0x8000 : 0), unfit('flags')),
    ipv4ToBytes(message.ciaddr),
    ipv4ToBytes(message.yiaddr),
    ipv4ToBytes(message.siaddr),
    ipv4ToBytes(message.giaddr),
    filled(chaddrSize, message.chaddr),
    sname,
    file,
    u32.encode(magicCookie, unfit('magic cookie')),
    options,
  ])
  return filled(minSize, packet)
}

const unfit =
  (field: string) =>
  (problem: string): never => {
    throw new DhcpEncodeError(field, problem)
  }

/**
 * Where each option goes. Option 82 stays last in the options field, where relays look for it (RFC
 * 3046 2.2), also when others have to leave that field.
 */
function layOut(message: DhcpMessage, maxSize: number) {
  const queue: Uint8Array[] = []
  for (const [code, value] of message.options) {
    if (!Number.isInteger(code) || code < 1 || code > 254 || code === option.overload.code) {
      throw new DhcpEncodeError('options', `option ${code} is not the caller's to write`)
    }
    if (code !== relayAgentCode) queue.push(...pieceOf(code, value))
  }
  const echo = message.options.get(relayAgentCode)
  const last = echo === undefined ? [] : pieceOf(relayAgentCode, echo)
  const room = maxSize - headerSize
  const text = {
    sname: writeTextField('sname', message.sname, snameSize),
    file: writeTextField('file', message.file, fileSize),
  }
  const needed = octets(queue) + octets(last) + 1
  if (needed <= room) return { options: closeField([...queue, ...last]), ...text }

  const kept = overloadSize + octets(last)
  const options = kept < room ? fillField(queue, room - kept) : []
  const file = message.file === '' ? fillField(queue, fileSize) : []
  const sname = message.sname === '' ? fillField(queue, snameSize) : []
  const overload = overloadOf(file.length > 0, sname.length > 0)
  if (queue.length > 0 || overload === undefined || kept >= room) {
    const spare = [message.file === '' && 'file', message.sname === '' && 'sname'].filter(Boolean)
    throw new DhcpEncodeError(
      'options',
      `need ${needed} octets; ${Math.max(room, 0)} are free of ${maxSize}, ` +
        (spare.length === 0
          ? 'and file and sname are in use'
          : `and ${spare.join(' and ')} cannot take the rest`),
    )
  }
  const [code, value] = option.overload.write(overload)
  return {
    options: closeField([...options, ...pieceOf(code, value), ...last]),
    file: file.length > 0 ? filled(fileSize, closeField(file)) : text.file,
    sname: sname.length > 0 ? filled(snameSize, closeField(sname)) : text.sname,
  }
}

function overloadOf(file: boolean, sname: boolean): Overload | undefined {
  if (file) return sname ? 'both' : 'file'
  return sname ? 'sname' : undefined
}

const octets = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, piece) => sum + piece.length, 0)

/**
 * The greatest UDP payload for a client, in octets, out of what its option 57 says. That counts the
 * IP and UDP headers (28), and is clamped: 576 every client must take (RFC 2132 9.10), 1500 is
 * Ethernet's; OVMF and AAVMF say 65280.
 */
export const largestReply = (maxMessageSize: number | undefined): number =>
  Math.min(Math.max(maxMessageSize ?? 576, 576), 1500) - 28
