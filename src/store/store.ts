import type { AuditEntry } from '../core/audit.ts'
import type { BootstrapTokenId } from '../core/boot-token.ts'
import type { Boot } from '../core/boot.ts'
import type { Change, Decided } from '../core/change.ts'
import type { Facts } from '../core/facts.ts'
import type { TimelineEvent } from '../core/timeline-event.ts'
import type { BootId, MachineId } from '../values/ids.ts'

/** A timeline event with its place in the order of all events, which a watcher can resume from. */
export type StoredEvent = TimelineEvent & { readonly seq: number }

export interface BootQuery {
  readonly machine?: MachineId
  /** At most so many, the newest first. */
  readonly limit: number
}

export interface EventQuery {
  readonly boot?: BootId
  readonly machine?: MachineId
  /** Only events after this `seq`. */
  readonly after?: number
  /** At most so many, the oldest first. */
  readonly limit: number
}

/** An audit entry with its place in the order of all entries. */
export type StoredAudit = AuditEntry & { readonly seq: number }

export interface AuditQuery {
  readonly machine?: MachineId
  readonly token?: BootstrapTokenId
  /** Only entries after this `seq`. */
  readonly after?: number
  /** At most so many, the oldest first. */
  readonly limit: number
}

/**
 * Facts for a decision, and the changes that a decision makes. Asynchronous although SQLite is not:
 * many decisions share one fsync, and a store in another process keeps the same promise.
 */
export interface Store {
  /** Always current, decisions that are still on their way to the disk included. */
  readonly facts: Facts

  /**
   * Decides on the facts and keeps the changes. `decide` is pure and may be run more than once.
   * Resolves when the changes, and all that the decision could see, are on the disk: whatever is
   * told to a machine after that survives a power cut.
   * @throws StoreError when they could not be kept; the facts are then as if nothing was decided
   */
  update<T>(decide: (facts: Facts) => Decided<T>): Promise<T>

  boots(query: BootQuery): Promise<readonly Boot[]>
  boot(id: BootId): Promise<Boot | undefined>
  events(query: EventQuery): Promise<readonly StoredEvent[]>

  /** Releases, refusals, approvals and denials. Kept when the timeline forgets their boots. */
  audit(query: AuditQuery): Promise<readonly StoredAudit[]>

  /** Calls back for each change once it is durable, in order. @returns how to stop that */
  subscribe(listener: (change: StoredChange) => void): () => void

  /** Removes all but each machine's newest boots. @returns how many boots were removed */
  prune(keepBoots: number): Promise<number>

  close(): Promise<void>
}

export type StoredChange =
  | Exclude<Change, { kind: 'event.add' | 'audit.add' }>
  | { readonly kind: 'event.add'; readonly event: StoredEvent }
  | { readonly kind: 'audit.add'; readonly entry: StoredAudit }

/** The disk is full, the file is damaged, the server is gone: nothing was kept. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}
