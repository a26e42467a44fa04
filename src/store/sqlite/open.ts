import { chmodSync } from 'node:fs'
import Sqlite, { type Database } from 'better-sqlite3'
import { StoreError } from '../store.ts'
import { migrations } from './migrations.ts'

/**
 * Opens the database for this process alone, and brings its schema up to date.
 * @throws StoreError in words that say what to do
 */
export function openDatabase(path: string): Database {
  const database = open(path)
  try {
    // EXCLUSIVE: two servers on one database would each believe their own memory.
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    // FULL: with NORMAL, WAL may lose the last commits when the power goes.
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    // FAST: what was erased, a sealed token say, is gone from the file too, at no further write.
    database.pragma('secure_delete = FAST')
    if (path !== ':memory:') chmodSync(path, 0o600) // it holds what cloud-config holds
    migrate(database, path)
    return database
  } catch (error) {
    database.close()
    throw inWords(path, error)
  }
}

function open(path: string): Database {
  try {
    return new Sqlite(path, { timeout: 2000 })
  } catch (error) {
    throw inWords(path, error)
  }
}

function inWords(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = error instanceof Sqlite.SqliteError ? error.code : ''
  const message = error instanceof Error ? error.message : String(error)
  if (code === 'SQLITE_BUSY') {
    return new StoreError(
      `${path} is in use: another rollcall is running on it. Stop that one first.`,
    )
  }
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return new StoreError(`${path} is damaged (${message}). Restore it from a backup.`)
  }
  return new StoreError(`${path} cannot be opened: ${message}`, { cause: error })
}

function migrate(database: Database, path: string): void {
  const version = Number(database.pragma('user_version', { simple: true }))
  if (version > migrations.length) {
    throw new StoreError(
      `${path} was written by a newer rollcall (schema ${version}; this one knows up to ` +
        `${migrations.length}). Run that version, or restore a backup from before the upgrade.`,
    )
  }
  const step = database.transaction((sql: string, next: number) => {
    database.exec(sql)
    database.pragma(`user_version = ${next}`)
  })
  migrations.forEach((sql, index) => {
    if (index >= version) step.exclusive(sql, index + 1)
  })
}
