import type { ClientKind } from '../core/boot-event.ts'
import type { SubnetName } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'

/** A MAC that spoke to us and that the inventory does not know: somebody may want to register it. */
export interface Stranger {
  readonly mac: Mac
  readonly firstSeen: EpochMs
  readonly lastSeen: EpochMs
  readonly kind?: ClientKind
  readonly arch?: number
  readonly subnet?: SubnetName
  readonly address?: Ipv4
}

export type Sighting = Omit<Stranger, 'firstSeen' | 'lastSeen'>

/** The latest strangers, in memory only and so many at the most: anybody can send from a random MAC. */
export class Strangers {
  readonly #most: number
  readonly #byMac = new Map<Mac, Stranger>()

  constructor(most = 1000) {
    this.#most = most
  }

  /** @returns whether this MAC was not in the list before */
  saw(sighting: Sighting, now: EpochMs): boolean {
    const before = this.#byMac.get(sighting.mac)
    this.#byMac.delete(sighting.mac) // so that the map's order is that of the last sighting
    this.#byMac.set(sighting.mac, {
      ...before,
      ...sighting,
      firstSeen: before?.firstSeen ?? now,
      lastSeen: now,
    })
    const [oldest] = this.#byMac.keys()
    if (this.#byMac.size > this.#most && oldest !== undefined) this.#byMac.delete(oldest)
    return before === undefined
  }

  registered(mac: Mac): void {
    this.#byMac.delete(mac)
  }

  /** The latest first. */
  list(): readonly Stranger[] {
    return [...this.#byMac.values()].reverse()
  }
}
