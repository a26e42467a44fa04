import { inPools, type Subnet } from '../core/subnet.ts'
import type { Lease } from '../core/lease.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { EpochMs } from '../values/time.ts'
import { ExpiryQueue } from './expiry-queue.ts'

/** What the pool must know of an address before it hands it out. */
export interface AddressUse {
  readonly leaseByAddress: (address: Ipv4) => Lease | undefined
  readonly isReserved: (address: Ipv4) => boolean
  readonly quarantinedUntil: (address: Ipv4) => EpochMs | undefined
  readonly quarantined: () => Iterable<Ipv4>
}

/** Finds a free address in one subnet without a look at each: a cursor for fresh ones, a queue for old. */
export class AddressPool {
  readonly #subnet: Subnet
  readonly #use: AddressUse
  readonly #expiries: ExpiryQueue
  /** Everything in the pools below it is taken. */
  #cursor = 0
  #leases = 0

  constructor(subnet: Subnet, use: AddressUse) {
    this.#subnet = subnet
    this.#use = use
    this.#expiries = new ExpiryQueue(({ address, expires }) => {
      const lease = use.leaseByAddress(address)
      return (
        lease !== undefined &&
        lease.expires === expires &&
        lease.subnet === subnet.name &&
        this.#mayGive(address)
      )
    })
  }

  leased(lease: Lease, isNew: boolean): void {
    if (isNew) this.#leases += 1
    if (!inPools(this.#subnet, lease.address)) return
    this.#expiries.push({ address: lease.address, expires: lease.expires })
    this.#expiries.compactAbove(this.#leases)
  }

  /** The address has neither lease nor reservation any more, or lost one of the two. */
  freed(address: Ipv4): void {
    this.#cursor = Math.min(this.#cursor, address)
    const lease = this.#use.leaseByAddress(address)
    if (lease !== undefined && inPools(this.#subnet, address)) {
      this.#expiries.push({ address, expires: lease.expires })
    }
  }

  unleased(): void {
    this.#leases -= 1
  }

  unused(now: EpochMs): Ipv4 | undefined {
    const pools = [...this.#subnet.pools].sort((a, b) => a.from - b.from)
    for (const pool of pools) {
      for (let at = Math.max(pool.from, this.#cursor); at <= pool.to; at += 1) {
        const address = at as Ipv4
        if (this.#isUnused(address, now)) {
          this.#cursor = at
          return address
        }
      }
    }
    this.#cursor = 2 ** 32
    for (const address of this.#use.quarantined()) {
      if (inPools(this.#subnet, address) && this.#isUnused(address, now)) return address
    }
    return undefined
  }

  /** An address in quarantine has no lease: whoever declined it lost it. */
  oldestExpired(now: EpochMs): Lease | undefined {
    const first = this.#expiries.peek()
    if (first === undefined || first.expires > now) return undefined
    return this.#use.leaseByAddress(first.address)
  }

  #isUnused(address: Ipv4, now: EpochMs): boolean {
    return (
      this.#use.leaseByAddress(address) === undefined &&
      !this.#use.isReserved(address) &&
      !this.#inQuarantine(address, now)
    )
  }

  #mayGive(address: Ipv4): boolean {
    return !this.#use.isReserved(address) && inPools(this.#subnet, address)
  }

  #inQuarantine(address: Ipv4, now: EpochMs): boolean {
    return (this.#use.quarantinedUntil(address) ?? 0) > now
  }
}
