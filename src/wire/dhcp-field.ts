import { fromLatin1, joined, type DhcpOptions, toLatin1 } from './dhcp-codec.ts'
import { DhcpDecodeError, DhcpEncodeError } from './dhcp-error.ts'
import { Reader } from './reader.ts'

/** One of the three places of a packet that may hold options, or one of the two that may hold text. */
export interface Field {
  readonly name: 'options' | 'file' | 'sname'
  readonly bytes: Uint8Array
  /** Where it begins in the packet. */
  readonly at: number
}

const pad = 0
const end = 255

/**
 * Adds a field's options to `pieces`. A pad is one octet (RFC 2132 3.1); what follows the end is not
 * looked at; a missing end is tolerated, a last option cut short is not.
 */
export function readOptionField(field: Field, pieces: Map<number, Uint8Array[]>): void {
  const reader = new Reader(
    field.bytes,
    (offset, name, problem) => new DhcpDecodeError(field.at + offset, name, problem),
  )
  while (reader.remaining > 0) {
    const code = reader.u8(field.name)
    if (code === pad) continue
    if (code === end) return
    const name = `option ${code} in ${field.name}`
    const piece = reader.take(reader.u8(name), name)
    const earlier = pieces.get(code)
    if (earlier === undefined) pieces.set(code, [piece])
    else earlier.push(piece)
  }
}

/** An option that came more than once is one long option (RFC 3396 5). */
export const joinPieces = (pieces: ReadonlyMap<number, readonly Uint8Array[]>): DhcpOptions =>
  new Map(Array.from(pieces, ([code, parts]) => [code, joined(parts)]))

/** Text up to the first NUL; what stands behind it means nothing (RFC 2131 2). */
export function readTextField(field: Field): string {
  const length = field.bytes.indexOf(0)
  return fromLatin1(length === -1 ? field.bytes : field.bytes.subarray(0, length))
}

/** @throws DhcpEncodeError unless the text leaves room for its NUL */
export function writeTextField(name: 'file' | 'sname', value: string, size: number): Uint8Array {
  const refuse = (problem: string): never => {
    throw new DhcpEncodeError(name, problem)
  }
  if (value.length >= size) refuse(`has ${value.length} characters; ${size - 1} and a NUL fit`)
  return filled(size, toLatin1(value, refuse))
}

/** How an option goes out: whole, or in runs of 255 octets if it is longer (RFC 3396 7). */
export function pieceOf(code: number, value: Uint8Array): readonly Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let from = 0; from === 0 || from < value.length; from += 255) {
    const part = value.subarray(from, from + 255)
    pieces.push(joined([Uint8Array.of(code, part.length), part]))
  }
  return pieces
}

/** Takes pieces from the front for as long as they and the end fit; returns the field's octets. */
export function fillField(queue: Uint8Array[], room: number): Uint8Array[] {
  const taken: Uint8Array[] = []
  let left = room - 1
  for (let next = queue[0]; next !== undefined && next.length <= left; next = queue[0]) {
    taken.push(next)
    left -= next.length
    queue.shift()
  }
  return taken
}

export const closeField = (pieces: readonly Uint8Array[]): Uint8Array =>
  joined([...pieces, Uint8Array.of(end)])

/** `bytes` with zeros behind, which are pads in an option field. */
export function filled(size: number, bytes: Uint8Array): Uint8Array {
  const field = new Uint8Array(Math.max(size, bytes.length))
  field.set(bytes)
  return field
}
