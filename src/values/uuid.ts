import { accepted, refused, type Parsed } from './parse.ts'

/** An SMBIOS system UUID as `dmidecode` prints it: lower case, with hyphens. */
export type SmbiosUuid = string & { readonly __brand: 'SmbiosUuid' }

const spelling = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function parseSmbiosUuid(text: string): Parsed<SmbiosUuid> {
  const lower = text.trim().toLowerCase()
  if (!spelling.test(lower)) {
    return refused(`'${text}' is not a UUID: write it like 4c4c4544-0042-3510-8056-b4c04f4e3133`)
  }
  if (/^[0-]+$/.test(lower) || /^[f-]+$/.test(lower)) {
    return refused(`'${text}' is the UUID of boards that have none; leave it out`)
  }
  return accepted(lower as SmbiosUuid)
}

/**
 * DHCP option 97 (RFC 4578 2.3) carries a type octet 0 and the 16 octets as SMBIOS stores them: the
 * first three fields little-endian (SMBIOS 3.x, 7.2.1), while people read them big-endian.
 */
export function smbiosUuidFromBytes(bytes: Uint8Array): SmbiosUuid | undefined {
  if (bytes.length !== 16) return undefined
  const hex = Buffer.from(shuffled(bytes)).toString('hex')
  const parsed = parseSmbiosUuid(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
  )
  return parsed.ok ? parsed.value : undefined
}

export const smbiosUuidToBytes = (uuid: SmbiosUuid): Uint8Array =>
  shuffled(Buffer.from(uuid.replaceAll('-', ''), 'hex'))

/** The shuffle is its own inverse. */
const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
const shuffled = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(order, (index) => bytes[index] ?? 0)
