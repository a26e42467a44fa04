import type { Database } from 'better-sqlite3'
import type { Boot } from '../core/boot.ts'
import type { Change, Decided } from '../core/change.ts'
import type { Facts } from '../core/facts.ts'
import type { BootId } from '../values/ids.ts'
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
 * @throws StoreError when it cannot be opened, in words that say what to do
 */
export function openSqliteStore({ path }: { readonly path: string }): Store {
  return new SqliteStore(openDatabase(path))
}

class SqliteStore implements Store {
  readonly #database: Database
  readonly #write: WriteChange
  readonly #history: ReturnType<typeof historyReader>
  readonly #listeners = new Set<(change: StoredChange) => void>()
  #facts: MemoryFacts
  #waiting: Waiting[] = []
  #closed = false

  constructor(database: Database) {
    this.#database = database
    this.#write = changeWriter(database)
    this.#history = historyReader(database)
    this.#facts = readFacts(database)
  }

  get facts(): Facts {
    return this.#facts
  }

  update<T>(decide: (facts: Facts) => Decided<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreError('the store is closed'))
    const { changes, result } = decide(this.#facts)
    // What this decision saw may itself still be on its way to the disk: it waits for that too.
    if (changes.length === 0 && this.#waiting.length === 0) return Promise.resolve(result)
    for (const change of changes) this.#facts.apply(change)
    return new Promise((resolve, failed) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush())
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

  prune(keepBoots: number): Promise<number> {
    return this.#afterFlush(() => {
      const { removed, tokens } = this.#history.prune(keepBoots)
      this.#facts.forgetBootTokens(tokens)
      return removed
    })
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

  #flush(): void {
    const group = this.#waiting
    if (group.length === 0) return
    this.#waiting = []
    let stored: readonly StoredChange[]
    try {
      stored = this.#writeAll(group)
    } catch (error) {
      // The memory has run ahead of the disk: the disk is right.
      this.#facts = readFacts(this.#database)
      const reason = error instanceof Error ? error.message : String(error)
      const failure = new StoreError(`nothing was stored: ${reason}`, { cause: error })
      for (const waiting of group) waiting.failed(failure)
      return
    }
    for (const waiting of group) waiting.done()
    for (const change of stored) {
      for (const listener of this.#listeners) listener(change)
    }
  }

  #writeAll(group: readonly Waiting[]): readonly StoredChange[] {
    const stored: StoredChange[] = []
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      for (const { changes } of group) {
        for (const change of changes) stored.push(this.#write(change))
      }
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
    return stored
  }
}
