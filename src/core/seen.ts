import { formatIpv4, unspecified, type Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { SmbiosUuid } from '../values/uuid.ts'

/**
 * What was heard of a machine itself in one boot, by DHCP and by its boot script's query. Everything
 * different that was said is kept: two answers to one question are no evidence.
 */
export interface Seen {
  /** When firmware or iPXE last asked for an address, from where only a NIC without one can speak. */
  readonly netboot?: EpochMs
  /** DHCP option 97. */
  readonly uuids?: readonly SmbiosUuid[]
  /** What iPXE read in SMBIOS and said when it asked for its script. */
  readonly serials?: readonly string[]
  readonly ports?: readonly (RelayPort & { readonly mac: Mac })[]
}

/** Where a NIC is plugged in, as a relay says. */
export interface RelayPort {
  /** giaddr; 0.0.0.0 for a machine that reached us without a relay. */
  readonly relay: Ipv4
  /** Option 82's circuit id (RFC 3046 3.1) in hex; empty when the relay says none. */
  readonly circuit: string
}

/** Whoever says more different things than this is not believed anyway. */
const mostAnswers = 4

export function sawAlso(before: Seen | undefined, now: Seen): Seen {
  const uuids = joined(before?.uuids, now.uuids, (uuid) => uuid)
  const serials = joined(before?.serials, now.serials, (serial) => serial)
  const ports = joined(before?.ports, now.ports, (port) => `${port.mac} ${relayPortText(port)}`)
  const netboot = now.netboot ?? before?.netboot
  return {
    ...(netboot !== undefined && { netboot }),
    ...(uuids && { uuids }),
    ...(serials && { serials }),
    ...(ports && { ports }),
  }
}

function joined<T>(
  before: readonly T[] | undefined,
  now: readonly T[] | undefined,
  keyOf: (each: T) => string,
): readonly T[] | undefined {
  if (before === undefined || now === undefined) return before ?? now
  const known = new Set(before.map(keyOf))
  return [...before, ...now.filter((each) => !known.has(keyOf(each)))].slice(0, mostAnswers)
}

export const samePort = (a: RelayPort, b: RelayPort): boolean =>
  a.relay === b.relay && a.circuit === b.circuit

export const relayPortText = ({ relay, circuit }: RelayPort): string =>
  relay === unspecified
    ? 'no relay'
    : `relay ${formatIpv4(relay)}${circuit === '' ? '' : ` circuit ${circuit}`}`
