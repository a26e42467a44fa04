import type { SeedDigest } from '../values/ids.ts'
import { formatIpv4, type Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { Boot, Issued } from './boot.ts'
import type { Facts, InventoryFacts, LeaseFacts } from './facts.ts'
import { isHeld } from './lease.ts'
import type { Machine } from './machine.ts'

/** All that says who is asking for a seed. A source address is the socket's peer, never a header. */
export interface Evidence {
  /** The boot whose seed was named; undefined when no current boot has that seed. */
  readonly boot: Boot | undefined
  readonly machine: Machine | undefined
  /** The machine's latest boot: an older one's seed is spent. */
  readonly latest: Boot | undefined
  readonly source: Ipv4 | undefined
  /** What the machine holds at this moment. */
  readonly addresses: readonly Ipv4[]
}

export type Refusal =
  | 'unknown-seed' // never minted, or its machine has left the inventory
  | 'superseded' // the machine was powered on again since

export type Verdict =
  | {
      readonly kind: 'serve'
      readonly machine: Machine
      readonly boot: Boot
      readonly issued: Issued
      /**
       * The right seed in the wrong place, in words: somebody has read it, or the machine has a NIC
       * that the inventory lacks. Enough for a name; no cloud-config goes there, no token, and no report is believed.
       */
      readonly elsewhere?: string
    }
  | {
      readonly kind: 'refuse'
      readonly why: Refusal
      /** In words, for the timeline of `boot`. */
      readonly reason: string
      /** Whose seed it was, if anybody's. */
      readonly boot?: Boot
    }

export function identify({ boot, machine, latest, source, addresses }: Evidence): Verdict {
  if (boot?.issued === undefined || machine === undefined) {
    return { kind: 'refuse', why: 'unknown-seed', reason: 'no boot has this seed' }
  }
  if (latest?.id !== boot.id) {
    return { kind: 'refuse', why: 'superseded', reason: 'the machine was powered on again', boot }
  }
  if (source === undefined || !addresses.includes(source)) {
    const elsewhere = foreignAddress(source, addresses)
    return { kind: 'serve', machine, boot, issued: boot.issued, elsewhere }
  }
  return { kind: 'serve', machine, boot, issued: boot.issued }
}

export function evidenceFor(
  facts: Facts,
  seed: SeedDigest,
  source: Ipv4 | undefined,
  now: EpochMs,
): Evidence {
  const boot = facts.bootBySeed(seed)
  const machine = boot && facts.machine(boot.machine)
  return {
    boot,
    machine,
    latest: machine && facts.latestBoot(machine.id),
    source,
    addresses: machine === undefined ? [] : addressesOf(machine, facts, now),
  }
}

/** Leases that its NICs hold, and the address reserved for it unless somebody else holds that still. */
export function addressesOf(
  machine: Machine,
  facts: InventoryFacts & LeaseFacts,
  now: EpochMs,
): readonly Ipv4[] {
  const addresses = new Set<Ipv4>()
  const { address } = machine
  if (address !== undefined && holderOf(address, facts, now)?.machine.id === machine.id) {
    addresses.add(address)
  }
  for (const { name } of facts.subnets()) {
    for (const mac of machine.macs) {
      const lease = facts.lease(name, mac)
      if (lease !== undefined && isHeld(lease, now)) addresses.add(lease.address)
    }
  }
  return [...addresses]
}

export interface Holder {
  readonly machine: Machine
  /** The NIC. */
  readonly mac: Mac
}

/** The machine that speaks from this address: by its lease, or else by the reservation. */
export function holderOf(
  address: Ipv4,
  facts: InventoryFacts & LeaseFacts,
  now: EpochMs,
): Holder | undefined {
  const lease = facts.leaseByAddress(address)
  if (lease !== undefined && isHeld(lease, now)) {
    const machine = facts.machineByMac(lease.mac)
    return machine && { machine, mac: lease.mac }
  }
  const machine = facts.machineByAddress(address)
  const mac = machine?.macs[0]
  return machine && mac && { machine, mac }
}

/** Names both addresses, since a NIC that is missing in the inventory is the usual reason. */
export function foreignAddress(source: Ipv4 | undefined, addresses: readonly Ipv4[]): string {
  const held = addresses.length === 0 ? 'no address' : addresses.map(formatIpv4).join(', ')
  const from = source === undefined ? 'an unknown address' : formatIpv4(source)
  return `asked from ${from}, but the machine holds ${held}`
}
