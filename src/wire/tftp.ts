import { Reader } from './reader.ts'

/*
 * TFTP packets (RFC 1350 section 5, RFC 2347): bytes to messages and back. Numbers are big-endian.
 *
 * Strings are kept octet by octet (latin1), so that whatever a client sent survives a round trip;
 * options that nobody here knows stay in the list as they came.
 */

export interface TftpOption {
  /** As it came; names compare without regard to case (RFC 2347). */
  readonly name: string
  readonly value: string
}

export interface TftpRequest {
  readonly op: 'rrq' | 'wrq'
  readonly file: string
  /** As it came; modes compare without regard to case (RFC 1350 section 5). */
  readonly mode: string
  readonly options: readonly TftpOption[]
}

interface TftpData {
  readonly op: 'data'
  /** 0 to 65535; rolls over to 0. */
  readonly block: number
  readonly data: Uint8Array
}

interface TftpAck {
  readonly op: 'ack'
  /** 0 to 65535; 0 also acknowledges an OACK. */
  readonly block: number
}

export interface TftpError {
  readonly op: 'error'
  readonly code: number
  readonly message: string
}

export interface TftpOack {
  readonly op: 'oack'
  readonly options: readonly TftpOption[]
}

export type TftpMessage = TftpRequest | TftpData | TftpAck | TftpError | TftpOack

/** RFC 1350 section 5 ("Error Codes"); 8 is from RFC 2347. */
export const errorCode = {
  notDefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  illegalOperation: 4,
  unknownTransferId: 5,
  optionsRefused: 8,
} as const

/** A request fits into 512 octets (RFC 2347, "Packet Formats"). */
const largestRequest = 512

const opcode = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const

/** The only thing that decoding throws: what was being read, and where the packet failed it. */
export class TftpDecodeError extends Error {
  override readonly name = 'TftpDecodeError'
  readonly offset: number
  readonly field: string

  constructor(offset: number, field: string, problem: string) {
    super(`${field} at ${offset}: ${problem}`)
    this.offset = offset
    this.field = field
  }
}

/** The only thing that encoding throws: a value that its field cannot carry. */
export class TftpEncodeError extends Error {
  override readonly name = 'TftpEncodeError'
}

/**
 * A DATA's octets are a view of `bytes`, not a copy.
 * @throws TftpDecodeError and nothing else
 */
export function decodeTftp(bytes: Uint8Array): TftpMessage {
  const reader = new Reader(
    bytes,
    (offset, field, problem) => new TftpDecodeError(offset, field, problem),
  )
  const code = reader.u16('opcode')
  switch (code) {
    case opcode.rrq:
      return readRequest(reader, 'rrq')
    case opcode.wrq:
      return readRequest(reader, 'wrq')
    case opcode.data: {
      const block = reader.u16('block')
      return { op: 'data', block, data: reader.take(reader.remaining, 'data') }
    }
    case opcode.ack:
      // Octets after the block are ignored: no machine is kept from booting over them.
      return { op: 'ack', block: reader.u16('block') }
    case opcode.error: {
      const code = reader.u16('error code')
      // It ends the transfer anyway, so a text without its NUL, or none at all, is good enough.
      const [message = ''] = latin1(reader.take(reader.remaining, 'error message')).split('\0', 1)
      return { op: 'error', code, message }
    }
    case opcode.oack:
      return { op: 'oack', options: readOptions(reader) }
    default:
      throw new TftpDecodeError(0, 'opcode', `is ${code}; 1 to 6 are right`)
  }
}

/** @throws TftpEncodeError and nothing else */
export const encodeTftp = (message: TftpMessage): Uint8Array =>
  Buffer.concat(encodeTftpParts(message))

/**
 * The packet in pieces, for a gathering send: a DATA's octets are the message's own, not a copy.
 * @throws TftpEncodeError and nothing else
 */
export function encodeTftpParts(message: TftpMessage): Uint8Array[] {
  switch (message.op) {
    case 'rrq':
    case 'wrq':
      return fitting([
        words(opcode[message.op]),
        text(message.file),
        text(message.mode),
        ...message.options.flatMap(optionText),
      ])
    case 'data':
      return [words(opcode.data, message.block), message.data]
    case 'ack':
      return [words(opcode.ack, message.block)]
    case 'error':
      return [words(opcode.error, message.code), text(message.message)]
    case 'oack':
      return [words(opcode.oack), ...message.options.flatMap(optionText)]
  }
}

/** An option may be given once (RFC 2347): if a client repeats one, its first value counts. */
export function optionValue(options: readonly TftpOption[], name: string): string | undefined {
  return options.find((option) => option.name.toLowerCase() === name)?.value
}

function readRequest(reader: Reader, op: TftpRequest['op']): TftpRequest {
  const size = reader.offset + reader.remaining
  if (size > largestRequest) {
    throw new TftpDecodeError(0, 'request', `has ${size} octets; ${largestRequest} are allowed`)
  }
  const file = readText(reader, 'file name')
  const mode = readText(reader, 'mode')
  return { op, file, mode, options: readOptions(reader) }
}

/** NULs behind the last option are padding; anything else there is a fault. */
function readOptions(reader: Reader): TftpOption[] {
  const options: TftpOption[] = []
  while (reader.remaining > 0) {
    const name = readText(reader, 'option name')
    if (name === '') {
      const rest = reader.take(reader.remaining, 'padding')
      if (rest.every((octet) => octet === 0)) return options
      throw reader.fail('option name', 'is empty')
    }
    options.push({ name, value: readText(reader, 'option value') })
  }
  return options
}

function readText(reader: Reader, field: string): string {
  const octets: number[] = []
  for (let octet = reader.u8(field); octet !== 0; octet = reader.u8(field)) octets.push(octet)
  return latin1(Uint8Array.from(octets))
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 2)
  for (const [index, value] of values.entries()) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
      throw new TftpEncodeError(`${value} does not fit into 16 bits`)
    }
    bytes[index * 2] = value >> 8
    bytes[index * 2 + 1] = value
  }
  return bytes
}

function text(value: string): Uint8Array {
  const octets = Buffer.from(`${value}\0`, 'latin1')
  if (value.includes('\0') || latin1(octets) !== `${value}\0`) {
    throw new TftpEncodeError(`${JSON.stringify(value)} has a character that TFTP cannot carry`)
  }
  return octets
}

function optionText({ name, value }: TftpOption): Uint8Array[] {
  if (name === '') throw new TftpEncodeError('an option has no name')
  return [text(name), text(value)]
}

function fitting(request: Uint8Array[]): Uint8Array[] {
  const size = request.reduce((sum, part) => sum + part.length, 0)
  if (size <= largestRequest) return request
  throw new TftpEncodeError(`the request has ${size} octets; ${largestRequest} are allowed`)
}
