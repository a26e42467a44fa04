import { type Ipv4, ipv4FromBytes, ipv4ToBytes } from '../values/ipv4.ts'
import { type Seconds, seconds } from '../values/time.ts'
import { DhcpDecodeError, DhcpEncodeError } from './dhcp-error.ts'
import { optionName } from './dhcp-names.ts'

/** Code → value as it stood on the wire, pieces joined (RFC 3396); the order is the wire's. */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>

export type OptionEntry = readonly [code: number, value: Uint8Array]

/** Options in the order given; `undefined` is left out, and of two with one code the later wins. */
export const optionsOf = (...entries: readonly (OptionEntry | undefined)[]): DhcpOptions =>
  new Map(entries.filter((entry) => entry !== undefined))

export interface OptionCodec<T> {
  readonly code: number
  /** As people know it, e.g. `IP Address Lease Time`. */
  readonly name: string
  /**
   * `undefined` if the option is absent.
   * @throws DhcpDecodeError if its value is malformed
   */
  read(options: DhcpOptions): T | undefined
  /** @throws DhcpEncodeError if the option cannot carry the value */
  write(value: T): OptionEntry
}

type Refuse = (problem: string, offset?: number) => never

/** One way to write a value in octets, whichever option carries it. */
export interface Shape<T> {
  decode(bytes: Uint8Array, refuse: Refuse): T | undefined
  encode(value: T, refuse: Refuse): Uint8Array
}

export function codec<T>(code: number, shape: Shape<T>): OptionCodec<T> {
  const name = optionName(code)
  const field = `option ${code} (${name})`
  const malformed: Refuse = (problem, offset = 0) => {
    throw new DhcpDecodeError(offset, field, problem)
  }
  const unwritable: Refuse = (problem) => {
    throw new DhcpEncodeError(field, problem)
  }
  return {
    code,
    name,
    read(options) {
      const bytes = options.get(code)
      return bytes === undefined ? undefined : shape.decode(bytes, malformed)
    },
    write: (value) => [code, shape.encode(value, unwritable)],
  }
}

/** For values whose length is given by their type. */
export function exactly(length: number, bytes: Uint8Array, refuse: Refuse): Uint8Array {
  if (bytes.length !== length) {
    refuse(`has ${bytes.length} octets where ${length} are right`, Math.min(length, bytes.length))
  }
  return bytes
}

const unsigned = (octets: 1 | 2 | 4): Shape<number> => ({
  decode: (bytes, refuse) =>
    exactly(octets, bytes, refuse).reduce((sum, octet) => sum * 256 + octet, 0),
  encode(value, refuse) {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** octets) {
      refuse(`${value} does not fit ${octets * 8} unsigned bits`)
    }
    return Uint8Array.from({ length: octets }, (_, index) =>
      Math.floor(value / 256 ** (octets - 1 - index)),
    )
  },
})

export const u8 = unsigned(1)
export const u16 = unsigned(2)
export const u32 = unsigned(4)

export const duration: Shape<Seconds> = {
  decode: (bytes, refuse) => seconds(u32.decode(bytes, refuse) ?? 0),
  encode: (value, refuse) => u32.encode(value, refuse),
}

export const address: Shape<Ipv4> = {
  decode: (bytes, refuse) => ipv4FromBytes(exactly(4, bytes, refuse)),
  encode: (value) => ipv4ToBytes(value),
}

/** One item after the other, each `octets` long, at least one of them. */
function listOf<T>(octets: number, item: Shape<T>): Shape<readonly T[]> {
  return {
    decode(bytes, refuse) {
      if (bytes.length === 0 || bytes.length % octets !== 0) {
        refuse(`has ${bytes.length} octets where a multiple of ${octets} is right`, bytes.length)
      }
      return Array.from({ length: bytes.length / octets }, (_, index) =>
        item.decode(bytes.subarray(index * octets, (index + 1) * octets), refuse),
      ).filter((value) => value !== undefined)
    },
    encode(values, refuse) {
      if (values.length === 0) refuse('needs at least one value')
      return joined(values.map((value) => item.encode(value, refuse)))
    },
  }
}

export const addresses = listOf(4, address)
export const u8s = listOf(1, u8)
export const u16s = listOf(2, u16)

/** Any octets, any number of them. */
export const raw: Shape<Uint8Array> = { decode: (bytes) => bytes, encode: (value) => value }

/**
 * NVT ASCII (RFC 2132 2): trailing NULs are not part of it. Octets above 127 are kept as Latin-1, so
 * nothing is lost. An empty one is tolerated when read: firmware sends them, and no harm is in it.
 */
export const text: Shape<string> = {
  decode(bytes) {
    let end = bytes.length
    while (end > 0 && bytes[end - 1] === 0) end -= 1
    return fromLatin1(bytes.subarray(0, end))
  },
  encode(value, refuse) {
    if (value === '') refuse('needs at least one character (RFC 2132 2)')
    return toLatin1(value, refuse)
  },
}

export const fromLatin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

export function toLatin1(value: string, refuse: (problem: string) => never): Uint8Array {
  for (const character of value) {
    const point = character.codePointAt(0) ?? 0
    if (point === 0 || point > 255)
      refuse(`cannot carry the character ${JSON.stringify(character)}`)
  }
  return Uint8Array.from(Buffer.from(value, 'latin1'))
}

/** The parts as one; a lone part is handed back as it is. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
