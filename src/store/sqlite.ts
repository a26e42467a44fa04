import type { Database } from 'better-sqlite3'
import type { Boot } from '../core/boot.ts'
import type { Change, Decided } from '../core/change.ts'
import type { Facts } from '../core/facts.ts'
import type { BootId } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { MemoryFacts } from './memory-facts.ts'
import {
  StoreError,
  type AuditQuery,
  type BootQuery,
  type EventQuery,
  type Store,
  type StoredAudit,
  type StoredChange,
  type StoredEvent,
} from './store.ts'
import { historyReader } from './sqlite/history.ts'
import { openDatabase } from './sqlite/open.ts'
import { readFacts } from './sqlite/read-facts.ts'
import { changeWriter, type WriteChange } from './sqlite/write-change.ts'

interface Waiting {
  readonly changes: readonly Change[]
  readonly done: () => void
  readonly failed: (error: StoreError) => void
}

/**
 * Facts in memory, changes in SQLite. Decisions are made one after the other on the facts in memory;
 * their changes wait for the end of the turn and then go to the disk in one transaction, so that a
 * storm of machines costs one fsync a turn and not one a packet.
 *
 * @param path the database file; `:memory:` for one that is gone afterwards
 * @param own this server's addresses, which are in nobody's reach
 * @throws StoreError when it cannot be opened, in words that say what to do
 */
export function openSqliteStore({
  path,
  own = new Set(),
  pauseMs = 1000,
  onBroken = () => undefined,
}: SqliteStoreOptions): Store {
  return new SqliteStore(openDatabase(path), own, pauseMs, onBroken)
}

export interface SqliteStoreOptions {
  readonly path: string
  readonly own?: ReadonlySet<Ipv4>
  /** Milliseconds for which everything is refused after something could not be stored. */
  readonly pauseMs?: number
  /** The store is of no more use: the process should end and be started again. */
  readonly onBroken?: (error: StoreError) => void
}

const prunedAtOnce = 50
/** What a decision may have to wait for the sake of larger groups. */
const longestPauseMs = 20

class SqliteStore implements Store {
  readonly #database: Database
  readonly #write: WriteChange
  readonly #history: ReturnType<typeof historyReader>
  readonly #listeners = new Set<(change: StoredChange) => void>()
  readonly #own: ReadonlySet<Ipv4>
  readonly #pauseMs: number
  readonly #onBroken: (error: StoreError) => void
  #refusal: StoreError | undefined
  #mayCommitAt = 0
  #facts: MemoryFacts
  #waiting: Waiting[] = []
  #closed = false

  constructor(
    database: Database,
    own: ReadonlySet<Ipv4>,
    pauseMs: number,
    onBroken: (error: StoreError) => void,
  ) {
    this.#database = database
    this.#own = own
    this.#pauseMs = pauseMs
    this.#onBroken = onBroken
    this.#write = changeWriter(database)
    this.#history = historyReader(database)
    this.#facts = readFacts(database, own)
  }

  get facts(): Facts {
    return this.#facts
  }

  update<T>(decide: (facts: Facts) => Decided<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreError('the store is closed'))
    if (this.#refusal) return Promise.reject(this.#refusal)
    const { changes, result } = decide(this.#facts)
    // What this decision saw may itself still be on its way to the disk: it waits for that too.
    if (changes.length === 0 && this.#waiting.length === 0) return Promise.resolve(result)
    for (const change of changes) this.#facts.apply(change)
    return new Promise((resolve, failed) => {
      if (this.#waiting.length === 0) this.#flushSoon()
      this.#waiting.push({ changes, done: () => resolve(result), failed })
    })
  }

  boots(query: BootQuery): Promise<readonly Boot[]> {
    return this.#afterFlush(() => this.#history.boots(query))
  }

  boot(id: BootId): Promise<Boot | undefined> {
    return this.#afterFlush(() => this.#history.boot(id))
  }

  events(query: EventQuery): Promise<readonly StoredEvent[]> {
    return this.#afterFlush(() => this.#history.events(query))
  }

  audit(query: AuditQuery): Promise<readonly StoredAudit[]> {
    return this.#afterFlush(() => this.#history.audit(query))
  }

  subscribe(listener: (change: StoredChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A few machines a turn: nobody's DHCP waits for the housekeeping. */
  async prune(keepBoots: number): Promise<number> {
    const machines = await this.#afterFlush(() => this.#history.crowded(keepBoots))
    let removed = 0
    for (let at = 0; at < machines.length; at += prunedAtOnce) {
      const some = machines.slice(at, at + prunedAtOnce)
      removed += await this.#afterFlush(() => {
        const pruned = this.#history.prune(some, keepBoots)
        this.#facts.forgetBootTokens(pruned.tokens)
        return pruned.removed
      })
      await new Promise((resolve) => setImmediate(resolve))
    }
    return removed
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.#database.close()
  }

  async #afterFlush<T>(read: () => T): Promise<T> {
    if (this.#closed) throw new StoreError('the store is closed')
    this.#flush()
    return read()
  }

  /**
   * At the end of the turn; under load not before as much time has passed as the last commit took, so that
   * groups grow instead of commits, and at the most half of the time goes into them.
   */
  #flushSoon(): void {
    const wait = this.#mayCommitAt - performance.now()
    if (wait < 1) setImmediate(() => this.#flush())
    else setTimeout(() => this.#flush(), wait)
  }

  #flush(): void {
    const group = this.#waiting
    if (group.length === 0) return
    this.#waiting = []
    const begun = performance.now()
    let stored: readonly StoredChange[]
    try {
      stored = this.#writeAll(group)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const failure = new StoreError(`nothing was stored: ${reason}`, { cause: error })
      for (const waiting of group) waiting.failed(failure)
      this.#startOver(failure)
      return
    }
    const ended = performance.now()
    this.#mayCommitAt = ended + Math.min(ended - begun, longestPauseMs)
    for (const waiting of group) waiting.done()
    for (const change of stored) {
      for (const listener of this.#listeners) listener(change)
    }
  }

  /**
   * The memory has run ahead of the disk, and the disk is right. Reading it again takes a while with many
   * machines, so nothing is tried for a moment: a full disk will not have emptied itself by the next packet.
   */
  #startOver(failure: StoreError): void {
    try {
      this.#facts = readFacts(this.#database, this.#own)
    } catch (error) {
      // What is in memory is not what is on the disk, and cannot be made to be.
      this.#closed = true
      this.#onBroken(new StoreError('the database cannot be read any more', { cause: error }))
      return
    }
    if (this.#pauseMs === 0) return
    this.#refusal = failure
    setTimeout(() => {
      this.#refusal = undefined
    }, this.#pauseMs).unref()
  }

  #writeAll(group: readonly Waiting[]): readonly StoredChange[] {
    const stored: StoredChange[] = []
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      for (const change of onlyLastOfEachBoot(group.flatMap(({ changes }) => changes))) {
        stored.push(this.#write(change))
      }
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
    return stored
  }
}

/** A machine in a hurry moves its boot many times within one group: only where it got to is written. */
function onlyLastOfEachBoot(changes: readonly Change[]): readonly Change[] {
  const last = new Map<BootId, Change>()
  for (const change of changes) if (change.kind === 'boot.put') last.set(change.boot.id, change)
  return changes.filter(
    (change) => change.kind !== 'boot.put' || last.get(change.boot.id) === change,
  )
}
