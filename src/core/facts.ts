import type { Hostname } from '../values/hostname.ts'
import type { BootId, ImageName, MachineId, SeedDigest, Sha256, SubnetName } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { ApiToken } from './api-token.ts'
import type { BootstrapTokenId, BootToken, StoredToken } from './boot-token.ts'
import type { Boot } from './boot.ts'
import type { Image } from './image.ts'
import type { Lease } from './lease.ts'
import type { Machine } from './machine.ts'
import type { RelayPort } from './seen.ts'
import type { Subnet } from './subnet.ts'

/** What the inventory knows, looked up by each thing that must be unique in it. */
export interface InventoryFacts {
  readonly machine: (id: MachineId) => Machine | undefined
  readonly machineByMac: (mac: Mac) => Machine | undefined
  readonly machineByHostname: (hostname: Hostname) => Machine | undefined
  /** The machine for which this address is reserved. */
  readonly machineByAddress: (address: Ipv4) => Machine | undefined
  readonly machineBySerial: (serial: string) => Machine | undefined
  readonly machineByUuid: (uuid: string) => Machine | undefined
  readonly machines: () => Iterable<Machine>
  readonly subnet: (name: SubnetName) => Subnet | undefined
  /** The one subnet whose network contains this address. */
  readonly subnetOf: (address: Ipv4) => Subnet | undefined
  readonly subnets: () => Iterable<Subnet>
  /** Whether the address is this server's own: no machine may have it. */
  readonly isOwn: (address: Ipv4) => boolean
}

export interface LeaseFacts {
  readonly lease: (subnet: SubnetName, mac: Mac) => Lease | undefined
  /** The lease on this address in whatever state, also an expired one. */
  readonly leaseByAddress: (address: Ipv4) => Lease | undefined
  readonly leases: () => Iterable<Lease>
  readonly quarantine: () => Iterable<readonly [Ipv4, EpochMs]>
  /** Until when nobody gets this address; undefined when it is not in quarantine. */
  readonly quarantinedUntil: (address: Ipv4) => EpochMs | undefined
  /** The next pool address that nobody has a lease on, that is not reserved and not in quarantine. */
  readonly unusedAddress: (subnet: Subnet, now: EpochMs) => Ipv4 | undefined
  /** The pool lease that has been over for longest: the address to reclaim first. */
  readonly oldestExpired: (subnet: Subnet, now: EpochMs) => Lease | undefined
}

export interface BootFacts {
  /** The machine's latest boot, over or not. */
  readonly latestBoot: (machine: MachineId) => Boot | undefined
  /** The boot that this seed was minted for, if it is still its machine's latest. */
  readonly bootBySeed: (seed: SeedDigest) => Boot | undefined
}

export interface ImageFacts {
  readonly image: (name: ImageName) => Image | undefined
  readonly images: () => Iterable<Image>
  readonly defaultImage: () => Image | undefined
}

export interface TokenFacts {
  readonly apiTokenByDigest: (digest: Sha256) => ApiToken | undefined
  readonly apiTokens: () => Iterable<ApiToken>
}

export interface BootTokenFacts {
  /** The bootstrap token of one boot, in whatever state. */
  readonly bootToken: (boot: BootId) => BootToken | undefined
  /** The youngest boot's with this id. A minted id is one boot's; a stored one may be many's. */
  readonly bootTokenById: (id: BootstrapTokenId) => BootToken | undefined
  /** All boots' with this id, the oldest boot first. */
  readonly bootTokensById: (id: BootstrapTokenId) => readonly BootToken[]
  readonly bootTokens: () => Iterable<BootToken>
  /** @param owner `machine:<id>` or `group:<name>` */
  readonly storedToken: (owner: string) => StoredToken | undefined
  readonly storedTokens: () => Iterable<StoredToken>
  /** Where this NIC was plugged in when it was learnt. */
  readonly relayPort: (mac: Mac) => RelayPort | undefined
}

export type Facts = InventoryFacts &
  LeaseFacts &
  BootFacts &
  ImageFacts &
  TokenFacts &
  BootTokenFacts
