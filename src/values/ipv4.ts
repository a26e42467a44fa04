import { accepted, refused, type Parsed } from './parse.ts'

/** An IPv4 address as an unsigned 32-bit number: arithmetic and Map keys stay cheap. */
export type Ipv4 = number & { readonly __brand: 'Ipv4' }

/** A network in CIDR form; `base` has no host bits set. */
export interface Ipv4Network {
  readonly base: Ipv4
  /** 0 to 32 */
  readonly prefix: number
}

/** Both ends inclusive. */
export interface Ipv4Range {
  readonly from: Ipv4
  readonly to: Ipv4
}

export const unspecified = 0 as Ipv4
export const limitedBroadcast = 0xffffffff as Ipv4

const octet = '(25[0-5]|2[0-4]\\d|1?\\d?\\d)'
const dotted = new RegExp(`^${octet}\\.${octet}\\.${octet}\\.${octet}$`)

export function parseIpv4(text: string): Parsed<Ipv4> {
  const found = dotted.exec(text.trim())
  if (!found) return refused(`'${text}' is not an IPv4 address: write it like 192.0.2.10`)
  const value = found.slice(1).reduce((sum, part) => sum * 256 + Number(part), 0)
  return accepted(value as Ipv4)
}

export const formatIpv4 = (address: Ipv4): string =>
  `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`

export function parseNetwork(text: string): Parsed<Ipv4Network> {
  const example = 'write it like 192.0.2.0/24'
  const [left, right, ...rest] = text.trim().split('/')
  if (left === undefined || right === undefined || rest.length > 0 || !/^\d{1,2}$/.test(right)) {
    return refused(`'${text}' is not a network: ${example}`)
  }
  const base = parseIpv4(left)
  const prefix = Number(right)
  if (!base.ok || prefix > 32) return refused(`'${text}' is not a network: ${example}`)
  const network = { base: networkBase(base.value, prefix), prefix }
  if (network.base !== base.value) {
    return refused(`'${text}' has host bits set: did you mean ${formatNetwork(network)}?`)
  }
  return accepted(network)
}

export function parseRange(text: string): Parsed<Ipv4Range> {
  const [left, right, ...rest] = text.split('-')
  const from = parseIpv4(left ?? '')
  const to = parseIpv4(right ?? '')
  if (!from.ok || !to.ok || rest.length > 0) {
    return refused(`'${text}' is not a range: write it like 192.0.2.10-192.0.2.99`)
  }
  if (from.value > to.value) return refused(`'${text}' ends before it begins`)
  return accepted({ from: from.value, to: to.value })
}

export const formatNetwork = (network: Ipv4Network): string =>
  `${formatIpv4(network.base)}/${network.prefix}`

export const formatRange = (range: Ipv4Range): string =>
  `${formatIpv4(range.from)}-${formatIpv4(range.to)}`

/** The netmask of a prefix length, as option 1 carries it. */
export const netmask = (prefix: number): Ipv4 =>
  (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0) as Ipv4

export const networkBase = (address: Ipv4, prefix: number): Ipv4 =>
  ((address & netmask(prefix)) >>> 0) as Ipv4

export const broadcastOf = (network: Ipv4Network): Ipv4 =>
  ((network.base | ~netmask(network.prefix)) >>> 0) as Ipv4

export const inNetwork = (network: Ipv4Network, address: Ipv4): boolean =>
  networkBase(address, network.prefix) === network.base

export const inRange = (range: Ipv4Range, address: Ipv4): boolean =>
  address >= range.from && address <= range.to

export const ipv4FromBytes = (bytes: Uint8Array): Ipv4 => {
  const [a, b, c, d] = bytes
  if (bytes.length !== 4) throw new TypeError(`an IPv4 address has 4 octets, not ${bytes.length}`)
  return ((((a ?? 0) << 24) | ((b ?? 0) << 16) | ((c ?? 0) << 8) | (d ?? 0)) >>> 0) as Ipv4
}

export const ipv4ToBytes = (address: Ipv4): Uint8Array =>
  Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255)
