import { type Shape, joined } from './dhcp-codec.ts'
import { DhcpDecodeError, DhcpEncodeError } from './dhcp-error.ts'
import { Reader } from './reader.ts'

/** Sub-option code → value. Of two with one code the first counts. */
export type SubOptions = ReadonlyMap<number, Uint8Array>

/** Whether 0 is a pad and 255 the end (RFC 2132 8.4), or both are codes like any other (RFC 3046 2.0). */
export interface SubOptionForm {
  readonly padAndEnd: boolean
}

/** @throws DhcpDecodeError at the octet where a sub-option runs over the end of the option */
export function readSubOptions(bytes: Uint8Array, field: string, form: SubOptionForm): SubOptions {
  const reader = new Reader(
    bytes,
    (offset, part, problem) => new DhcpDecodeError(offset, part, problem),
  )
  const found = new Map<number, Uint8Array>()
  while (reader.remaining > 0) {
    const code = reader.u8(field)
    if (form.padAndEnd && code === 0) continue
    if (form.padAndEnd && code === 255) break
    const sub = `${field} sub-option ${code}`
    const value = reader.take(reader.u8(sub), sub)
    if (!found.has(code)) found.set(code, value)
  }
  return found
}

/** Writes no pad and no end. */
export function writeSubOptions(
  subOptions: Iterable<readonly [number, Uint8Array]>,
  field: string,
  form: SubOptionForm,
): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [code, value] of subOptions) {
    const last = form.padAndEnd ? 254 : 255
    const first = form.padAndEnd ? 1 : 0
    if (!Number.isInteger(code) || code < first || code > last) {
      throw new DhcpEncodeError(field, `has no sub-option ${code}; ${first} to ${last} are right`)
    }
    if (value.length > 255) {
      throw new DhcpEncodeError(
        `${field} sub-option ${code}`,
        `has ${value.length} octets; 255 are the most`,
      )
    }
    parts.push(Uint8Array.of(code, value.length), value)
  }
  return joined(parts)
}

/** Options within an option, in the form of RFC 2132 8.4. */
export const encapsulated = (field: string): Shape<SubOptions> => ({
  decode: (bytes) => readSubOptions(bytes, field, { padAndEnd: true }),
  encode: (subOptions) => writeSubOptions(subOptions, field, { padAndEnd: true }),
})
