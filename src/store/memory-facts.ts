import type { ApiToken } from '../core/api-token.ts'
import type { BootstrapTokenId, BootToken, StoredToken } from '../core/boot-token.ts'
import type { Boot } from '../core/boot.ts'
import type { Change } from '../core/change.ts'
import type { Facts } from '../core/facts.ts'
import type { Image } from '../core/image.ts'
import type { Lease } from '../core/lease.ts'
import type { Machine } from '../core/machine.ts'
import type { RelayPort } from '../core/seen.ts'
import type { Subnet } from '../core/subnet.ts'
import type { Hostname } from '../values/hostname.ts'
import type {
  BootId,
  ImageName,
  MachineId,
  SeedDigest,
  Sha256,
  SubnetName,
  TokenId,
} from '../values/ids.ts'
import { networkBase, type Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import { AddressPool, type AddressUse } from './address-pool.ts'
import { BootTokenIndex } from './boot-token-index.ts'

/**
 * The facts as maps in memory, one for each way in which a decision looks something up: no packet
 * ever waits for a query. Every store keeps one, and brings it up to date by the same changes that it
 * writes to its disk.
 */
export class MemoryFacts implements Facts {
  readonly #machines = new Map<MachineId, Machine>()
  readonly #byMac = new Map<Mac, Machine>()
  readonly #byHostname = new Map<Hostname, Machine>()
  readonly #byAddress = new Map<Ipv4, Machine>()
  readonly #bySerial = new Map<string, Machine>()
  readonly #byUuid = new Map<string, Machine>()
  readonly #subnets = new Map<SubnetName, Subnet>()
  readonly #pools = new Map<SubnetName, AddressPool>()
  readonly #leases = new Map<string, Lease>()
  readonly #leaseByAddress = new Map<Ipv4, Lease>()
  readonly #quarantine = new Map<Ipv4, EpochMs>()
  readonly #boots = new Map<MachineId, Boot>()
  readonly #bootBySeed = new Map<SeedDigest, Boot>()
  readonly #images = new Map<ImageName, Image>()
  readonly #tokens = new Map<TokenId, ApiToken>()
  readonly #tokenByDigest = new Map<Sha256, ApiToken>()
  readonly #bootTokens = new BootTokenIndex()
  readonly #storedTokens = new Map<string, StoredToken>()
  readonly #relayPorts = new Map<Mac, RelayPort>()
  #defaultImage: ImageName | undefined
  /** Networks by base address for each prefix in use: a look-up costs one step a prefix. */
  #networks = new Map<number, Map<number, Subnet>>()

  readonly #own: ReadonlySet<Ipv4>

  /** @param own this server's addresses */
  constructor(own: ReadonlySet<Ipv4> = new Set()) {
    this.#own = own
  }

  readonly #use: AddressUse = {
    leaseByAddress: (address) => this.#leaseByAddress.get(address),
    isReserved: (address) => this.#byAddress.has(address) || this.#own.has(address),
    quarantinedUntil: (address) => this.#quarantine.get(address),
    quarantined: () => this.#quarantine.keys(),
  }

  readonly machine = (id: MachineId) => this.#machines.get(id)
  readonly machineByMac = (mac: Mac) => this.#byMac.get(mac)
  readonly machineByHostname = (hostname: Hostname) => this.#byHostname.get(hostname)
  readonly machineByAddress = (address: Ipv4) => this.#byAddress.get(address)
  readonly machineBySerial = (serial: string) => this.#bySerial.get(serial)
  readonly machineByUuid = (uuid: string) => this.#byUuid.get(uuid)
  readonly machines = () => this.#machines.values()
  readonly subnet = (name: SubnetName) => this.#subnets.get(name)
  readonly subnets = () => this.#subnets.values()
  readonly isOwn = (address: Ipv4) => this.#own.has(address)
  readonly lease = (subnet: SubnetName, mac: Mac) => this.#leases.get(leaseKey(subnet, mac))
  readonly leaseByAddress = (address: Ipv4) => this.#leaseByAddress.get(address)
  readonly leases = () => this.#leases.values()
  readonly quarantine = () => this.#quarantine
  readonly quarantinedUntil = (address: Ipv4) => this.#quarantine.get(address)
  readonly latestBoot = (machine: MachineId) => this.#boots.get(machine)
  readonly bootBySeed = (seed: SeedDigest) => this.#bootBySeed.get(seed)
  readonly image = (name: ImageName) => this.#images.get(name)
  readonly images = () => this.#images.values()
  readonly apiTokenByDigest = (digest: Sha256) => this.#tokenByDigest.get(digest)
  readonly apiTokens = () => this.#tokens.values()

  readonly bootToken = (boot: BootId) => this.#bootTokens.get(boot)
  readonly bootTokenById = (id: BootstrapTokenId) => this.#bootTokens.withId(id).at(-1)
  readonly bootTokensById = (id: BootstrapTokenId): readonly BootToken[] =>
    this.#bootTokens.withId(id)
  readonly bootTokens = () => this.#bootTokens.all()
  readonly storedToken = (owner: string) => this.#storedTokens.get(owner)
  readonly storedTokens = () => this.#storedTokens.values()
  readonly relayPort = (mac: Mac) => this.#relayPorts.get(mac)

  readonly defaultImage = () =>
    this.#defaultImage === undefined ? undefined : this.#images.get(this.#defaultImage)

  readonly unusedAddress = (subnet: Subnet, now: EpochMs) =>
    this.#pools.get(subnet.name)?.unused(now)

  readonly oldestExpired = (subnet: Subnet, now: EpochMs) =>
    this.#pools.get(subnet.name)?.oldestExpired(now)

  readonly subnetOf = (address: Ipv4): Subnet | undefined => {
    for (const [prefix, byBase] of this.#networks) {
      const found = byBase.get(networkBase(address, prefix))
      if (found) return found
    }
    return undefined
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'machine.put':
        return this.#putMachine(change.machine)
      case 'machine.delete':
        return this.#deleteMachine(change.id)
      case 'subnet.put':
        this.#subnets.set(change.subnet.name, change.subnet)
        return this.#subnetsChanged(change.subnet.name)
      case 'subnet.delete':
        this.#subnets.delete(change.name)
        for (const lease of this.#leases.values()) {
          if (lease.subnet === change.name) this.#deleteLease(lease)
        }
        return this.#subnetsChanged(change.name)
      case 'lease.put':
        return this.#putLease(change.lease)
      case 'lease.delete': {
        const lease = this.lease(change.subnet, change.mac)
        if (lease) this.#deleteLease(lease)
        return
      }
      case 'quarantine.put':
        this.#quarantine.set(change.quarantine.address, change.quarantine.until)
        return
      case 'quarantine.delete':
        this.#quarantine.delete(change.address)
        this.#poolOf(change.address)?.freed(change.address)
        return
      case 'boot.put':
        return this.#putBoot(change.boot)
      case 'event.add':
        return
      case 'image.put':
        this.#images.set(change.image.name, change.image)
        return
      case 'image.delete':
        this.#images.delete(change.name)
        return
      case 'default-image.set':
        this.#defaultImage = change.name
        return
      case 'boot-token.put':
        return this.#bootTokens.put(change.token)
      case 'stored-token.put':
        this.#storedTokens.set(change.token.owner, change.token)
        return
      case 'stored-token.delete':
        this.#storedTokens.delete(change.owner)
        return
      case 'relay-port.learnt':
        this.#relayPorts.set(change.mac, change.port)
        return
      case 'relay-port.forget':
        this.#relayPorts.delete(change.mac)
        return
      case 'audit.add':
        return
      case 'api-token.put':
        this.#tokens.set(change.token.id, change.token)
        this.#tokenByDigest.set(change.token.digest, change.token)
        return
      case 'api-token.delete': {
        const token = this.#tokens.get(change.id)
        this.#tokens.delete(change.id)
        if (token) this.#tokenByDigest.delete(token.digest)
      }
    }
  }

  /** Tokens of boots that the store has forgotten. */
  forgetBootTokens(boots: Iterable<BootId>): void {
    for (const boot of boots) this.#bootTokens.delete(boot)
  }

  #putMachine(machine: Machine): void {
    const before = this.#machines.get(machine.id)
    if (before) this.#unindex(before)
    this.#machines.set(machine.id, machine)
    for (const mac of machine.macs) this.#byMac.set(mac, machine)
    this.#byHostname.set(machine.hostname, machine)
    if (machine.address !== undefined) this.#byAddress.set(machine.address, machine)
    if (machine.serial !== undefined) this.#bySerial.set(machine.serial, machine)
    if (machine.uuid !== undefined) this.#byUuid.set(machine.uuid, machine)
    if (before?.address !== undefined && before.address !== machine.address) {
      this.#poolOf(before.address)?.freed(before.address)
    }
  }

  #deleteMachine(id: MachineId): void {
    const machine = this.#machines.get(id)
    if (!machine) return
    this.#unindex(machine)
    this.#machines.delete(id)
    const boot = this.#boots.get(id)
    if (boot?.issued) this.#bootBySeed.delete(boot.issued.seed)
    this.#boots.delete(id)
    if (machine.address !== undefined) this.#poolOf(machine.address)?.freed(machine.address)
  }

  #unindex(machine: Machine): void {
    const drop = <K>(index: Map<K, Machine>, key: K | undefined): void => {
      if (key !== undefined && index.get(key)?.id === machine.id) index.delete(key)
    }
    for (const mac of machine.macs) drop(this.#byMac, mac)
    drop(this.#byHostname, machine.hostname)
    drop(this.#byAddress, machine.address)
    drop(this.#bySerial, machine.serial)
    drop(this.#byUuid, machine.uuid)
  }

  #subnetsChanged(name: SubnetName): void {
    this.#networks = new Map()
    for (const subnet of this.#subnets.values()) {
      const byBase = this.#networks.get(subnet.network.prefix) ?? new Map<number, Subnet>()
      byBase.set(subnet.network.base, subnet)
      this.#networks.set(subnet.network.prefix, byBase)
    }
    const subnet = this.#subnets.get(name)
    if (subnet === undefined) {
      this.#pools.delete(name)
      return
    }
    const pool = new AddressPool(subnet, this.#use)
    this.#pools.set(name, pool)
    for (const lease of this.#leases.values()) {
      if (lease.subnet === name) pool.leased(lease, true)
    }
  }

  #putLease(lease: Lease): void {
    const before = this.lease(lease.subnet, lease.mac)
    if (before && before.address !== lease.address) this.#deleteLease(before)
    const holder = this.#leaseByAddress.get(lease.address)
    if (holder && holder.mac !== lease.mac) this.#deleteLease(holder)
    const isNew = !this.#leases.has(leaseKey(lease.subnet, lease.mac))
    this.#leases.set(leaseKey(lease.subnet, lease.mac), lease)
    this.#leaseByAddress.set(lease.address, lease)
    this.#pools.get(lease.subnet)?.leased(lease, isNew)
  }

  #deleteLease(lease: Lease): void {
    this.#leases.delete(leaseKey(lease.subnet, lease.mac))
    if (this.#leaseByAddress.get(lease.address)?.mac === lease.mac) {
      this.#leaseByAddress.delete(lease.address)
    }
    this.#pools.get(lease.subnet)?.unleased()
    this.#poolOf(lease.address)?.freed(lease.address)
  }

  #putBoot(boot: Boot): void {
    const before = this.#boots.get(boot.machine)
    if (before?.issued && before.issued.seed !== boot.issued?.seed) {
      this.#bootBySeed.delete(before.issued.seed)
    }
    this.#boots.set(boot.machine, boot)
    if (boot.issued) this.#bootBySeed.set(boot.issued.seed, boot)
  }

  #poolOf(address: Ipv4): AddressPool | undefined {
    const subnet = this.subnetOf(address)
    return subnet && this.#pools.get(subnet.name)
  }
}

const leaseKey = (subnet: SubnetName, mac: Mac): string => `${subnet} ${mac}`
