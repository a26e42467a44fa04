import { accepted, refused, type Parsed } from './parse.ts'

/**
 * Names that the server itself makes from random bytes. The core makes none: they come in as facts.
 *
 * A `MachineId` never changes, not even when the machine is renamed: it is cloud-init's instance-id.
 * A `BootId` sorts by time. A `SeedKey` is the unguessable part of one boot's seed URL: it is never
 * logged or stored; what is stored is its SHA-256, the `SeedDigest`.
 */
export type MachineId = string & { readonly __brand: 'MachineId' }
export type BootId = string & { readonly __brand: 'BootId' }
export type SeedKey = string & { readonly __brand: 'SeedKey' }
export type SeedDigest = string & { readonly __brand: 'SeedDigest' }
export type TokenId = string & { readonly __brand: 'TokenId' }

/** Names that people give. */
export type SubnetName = string & { readonly __brand: 'SubnetName' }
export type ImageName = string & { readonly __brand: 'ImageName' }

/** 64 lower-case hex digits. */
export type Sha256 = string & { readonly __brand: 'Sha256' }

const name = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/

const parseName = <T extends string>(what: string, text: string): Parsed<T> =>
  name.test(text)
    ? accepted(text as T)
    : refused(
        `${what} name '${text}' is not usable: take 1 to 63 of a-z, 0-9, '.', '_' and '-', ` +
          'and begin and end with a letter or digit',
      )

export const parseSubnetName = (text: string): Parsed<SubnetName> => parseName('subnet', text)
export const parseImageName = (text: string): Parsed<ImageName> => parseName('image', text)

export function parseSha256(text: string): Parsed<Sha256> {
  const lower = text.trim().toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(lower)) return refused(`'${text}' is not a SHA-256: 64 hex digits`)
  return accepted(lower as Sha256)
}

/** Crockford's base 32, as ULIDs use it: no I, L, O, U; sorts like the number it stands for. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** @param random at least 10 octets; @returns a ULID in lower case (26 characters, sorts by time) */
export function bootId(now: number, random: Uint8Array): BootId {
  let time = ''
  for (let rest = now, i = 0; i < 10; i += 1, rest = Math.floor(rest / 32)) {
    time = `${alphabet[rest % 32]}${time}`
  }
  return `${time}${base32(random.subarray(0, 10))}` as BootId
}

/**
 * A boot's id sorts after those of the machine's earlier boots, also when the clock was set back.
 * @returns `fresh` if it is later, or else the id that comes right after `than`
 */
export function laterBootId(fresh: BootId, than: BootId | undefined): BootId {
  if (than === undefined || fresh > than) return fresh
  const digits = than.split('')
  for (let at = digits.length - 1; at >= 0; at -= 1) {
    const next = alphabet[alphabet.indexOf(digits[at] ?? '') + 1]
    digits[at] = next ?? alphabet.charAt(0)
    if (next !== undefined) break
  }
  return digits.join('') as BootId
}

/** @param random 16 octets: 128 bits, so that a seed path can't be guessed within a boot's window */
export const seedKey = (random: Uint8Array): SeedKey => base32(random) as SeedKey

/** @param random 10 octets; the `i-` is how cloud-init's instance ids usually look */
export const machineId = (random: Uint8Array): MachineId => `i-${base32(random)}` as MachineId

/** @param random 5 octets; not secret, names a token in lists and logs */
export const tokenId = (random: Uint8Array): TokenId => base32(random) as TokenId

function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(held >>> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits > 0 ? text + alphabet[(held << (5 - bits)) & 31] : text
}
