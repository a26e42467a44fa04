import type { ImageName, MachineId, SubnetName, TokenId } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { ApiToken } from './api-token.ts'
import type { AuditEntry } from './audit.ts'
import type { BootToken, StoredToken } from './boot-token.ts'
import type { Boot } from './boot.ts'
import type { Image } from './image.ts'
import type { Lease } from './lease.ts'
import type { Machine } from './machine.ts'
import type { RelayPort } from './seen.ts'
import type { Subnet } from './subnet.ts'
import type { TimelineEvent } from './timeline-event.ts'

/**
 * Everything that a decision can do to the facts, as plain data: a store applies a list of these all
 * together or not at all.
 */
export type Change =
  | { readonly kind: 'machine.put'; readonly machine: Machine }
  | { readonly kind: 'machine.delete'; readonly id: MachineId }
  | { readonly kind: 'subnet.put'; readonly subnet: Subnet }
  | { readonly kind: 'subnet.delete'; readonly name: SubnetName }
  | { readonly kind: 'lease.put'; readonly lease: Lease }
  | { readonly kind: 'lease.delete'; readonly subnet: SubnetName; readonly mac: Mac }
  | { readonly kind: 'quarantine.put'; readonly quarantine: Quarantine }
  | { readonly kind: 'quarantine.delete'; readonly address: Ipv4 }
  | { readonly kind: 'boot.put'; readonly boot: Boot }
  | { readonly kind: 'event.add'; readonly event: TimelineEvent }
  | { readonly kind: 'image.put'; readonly image: Image }
  | { readonly kind: 'image.delete'; readonly name: ImageName }
  | { readonly kind: 'default-image.set'; readonly name: ImageName }
  | { readonly kind: 'boot-token.put'; readonly token: BootToken }
  | { readonly kind: 'stored-token.put'; readonly token: StoredToken }
  | { readonly kind: 'stored-token.delete'; readonly owner: string }
  | { readonly kind: 'relay-port.learnt'; readonly mac: Mac; readonly port: RelayPort }
  | { readonly kind: 'relay-port.forget'; readonly mac: Mac }
  | { readonly kind: 'audit.add'; readonly entry: AuditEntry }
  | { readonly kind: 'api-token.put'; readonly token: ApiToken }
  | { readonly kind: 'api-token.delete'; readonly id: TokenId }

/** An address that a client found in use (DHCPDECLINE): nobody is given it until then. */
export interface Quarantine {
  readonly address: Ipv4
  readonly until: EpochMs
}

/** What a decision function returns to the store: what to keep, and what to tell the caller. */
export interface Decided<T> {
  readonly changes: readonly Change[]
  readonly result: T
}
