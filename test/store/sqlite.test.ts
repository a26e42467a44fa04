import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Change } from '../../src/core/change.ts'
import type { Lease } from '../../src/core/lease.ts'
import { openDatabase } from '../../src/store/sqlite/open.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store, StoredChange } from '../../src/store/store.ts'
import type { BootId } from '../../src/values/ids.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, machine, macNumber, subnet } from '../support/inventory.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-store-'))
  path = join(folder, 'rollcall.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const keep = (store: Store, ...changes: readonly Change[]) =>
  store.update(() => ({ changes, result: undefined }))

const lease = (n: number): Lease => ({
  mac: macNumber(n),
  subnet: subnet().name,
  address: (ip('192.0.2.100') + n) as Lease['address'],
  state: 'bound',
  since: epochMs(1),
  expires: epochMs(5),
})

const boot = (id: string, n = 1) => ({
  kind: 'boot.put' as const,
  boot: {
    id: id as BootId,
    machine: machine(`r${n}`).id,
    mac: macNumber(n),
    stage: 'firmware' as const,
    outcome: 'running' as const,
    opened: epochMs(1),
    updated: epochMs(1),
    events: 0,
  },
})

const event = (id: string, n = 1) => ({
  kind: 'event.add' as const,
  event: {
    at: epochMs(1),
    machine: machine(`r${n}`).id,
    boot: id as BootId,
    mac: macNumber(n),
    event: { kind: 'dhcp.release' as const, address: ip('192.0.2.7') },
  },
})

test('all facts are there again after a restart', async () => {
  const image = {
    name: 'worker-1' as never,
    arch: 'x86_64' as const,
    files: {
      kernel: { sha256: 'a' as never, size: 1 },
      initrd: { sha256: 'b' as never, size: 2 },
    },
    commandLine: 'quiet',
    seedArgument: '{seed}',
    created: epochMs(1),
    ready: true,
  }
  const token = { id: 't' as never, name: 'admin', digest: 'd' as never, created: epochMs(1) }
  const first = openSqliteStore({ path })
  await keep(
    first,
    { kind: 'machine.put', machine: machine('r1', { address: ip('192.0.2.9'), serial: 'S1' }) },
    { kind: 'subnet.put', subnet: subnet() },
    { kind: 'lease.put', lease: lease(1) },
    { kind: 'quarantine.put', quarantine: { address: ip('192.0.2.100'), until: epochMs(99) } },
    { kind: 'image.put', image },
    { kind: 'default-image.set', name: image.name },
    { kind: 'api-token.put', token },
    boot('b1'),
  )
  await first.close()

  const second = openSqliteStore({ path })
  const { facts } = second
  expect(facts.machineByMac(macNumber(1))).toEqual(
    machine('r1', { address: ip('192.0.2.9'), serial: 'S1' }),
  )
  expect(facts.machineBySerial('S1')?.hostname).toBe('r1')
  expect(facts.subnetOf(ip('192.0.2.200'))).toEqual(subnet())
  expect(facts.leaseByAddress(lease(1).address)).toEqual(lease(1))
  expect(facts.quarantinedUntil(ip('192.0.2.100'))).toBe(99)
  expect(facts.unusedAddress(subnet(), epochMs(10))).toBe(ip('192.0.2.102'))
  expect(facts.defaultImage()).toEqual(image)
  expect(facts.apiTokenByDigest(token.digest)).toEqual(token)
  expect(facts.latestBoot(machine('r1').id)?.id).toBe('b1')
  await second.close()
})

test('decisions of one turn share a transaction, and each sees the ones before it', async () => {
  const store = openSqliteStore({ path })
  await keep(store, { kind: 'subnet.put', subnet: subnet() })
  const taken = await Promise.all(
    [1, 2, 3, 4].map((n) =>
      store.update((facts) => {
        const address = facts.unusedAddress(subnet(), epochMs(1))
        if (address === undefined) throw new Error('the pool is used up')
        return {
          changes: [{ kind: 'lease.put', lease: { ...lease(n), address } }],
          result: address,
        }
      }),
    ),
  )
  expect(new Set(taken).size).toBe(4)
  await store.close()
})

test('an answer that rests on a change waits until that change is on the disk', async () => {
  const store = openSqliteStore({ path })
  const order: string[] = []
  const write = keep(store, { kind: 'lease.put', lease: lease(1) }).then(() => order.push('write'))
  const read = store
    .update((facts) => ({ changes: [], result: facts.leaseByAddress(lease(1).address) }))
    .then((found) => order.push(found ? 'read it' : 'read nothing'))
  await Promise.all([write, read])
  expect(order).toEqual(['write', 'read it'])
  await store.close()
})

describe('when nothing can be stored', () => {
  /** Two machines under one hostname: what no plan would make, and what the database refuses. */
  const clash: readonly Change[] = [
    { kind: 'machine.put', machine: machine('r1') },
    { kind: 'machine.put', machine: { ...machine('r2'), hostname: machine('r1').hostname } },
  ]

  test('the decision fails, and the facts are as if it had not been made', async () => {
    const store = openSqliteStore({ path, pauseMs: 0 })
    await keep(store, { kind: 'lease.put', lease: lease(1) })
    const before = store.facts.leaseByAddress(lease(1).address)
    await expect(keep(store, ...clash)).rejects.toThrow(/nothing was stored: UNIQUE/)
    expect([...store.facts.machines()]).toEqual([])
    expect(store.facts.leaseByAddress(lease(1).address)).toEqual(before)
    await keep(store, { kind: 'machine.put', machine: machine('r3') })
    expect([...store.facts.machines()].map(({ hostname }) => hostname)).toEqual(['r3'])
    await store.close()
  })

  test('nothing else is tried for a moment: a disk does not empty itself by the next packet', async () => {
    const store = openSqliteStore({ path, pauseMs: 20 })
    await expect(keep(store, ...clash)).rejects.toThrow(/nothing was stored/)
    const next = { kind: 'machine.put' as const, machine: machine('r3') }
    await expect(keep(store, next)).rejects.toThrow(/nothing was stored/)
    await expect
      .poll(
        () =>
          keep(store, next).then(
            () => 'kept',
            () => 'refused',
          ),
        { timeout: 5000 },
      )
      .toBe('kept')
    await store.close()
  })

  test('a database that cannot even be read again is the end, and everybody is told', async () => {
    const ends: string[] = []
    const store = openSqliteStore({ path, onBroken: ({ message }) => ends.push(message) })
    await keep(store, { kind: 'lease.put', lease: lease(1) })
    truncateSync(path, 100)
    truncateSync(`${path}-wal`, 0)
    await expect(keep(store, ...clash)).rejects.toThrow(/nothing was stored/)
    expect(ends).toEqual(['the database cannot be read any more'])
    await expect(keep(store, { kind: 'lease.put', lease: lease(2) })).rejects.toThrow(/closed/)
  })

  test('nobody is told of changes that were not kept', async () => {
    const store = openSqliteStore({ path })
    const heard: StoredChange[] = []
    store.subscribe((change) => heard.push(change))
    await expect(keep(store, ...clash)).rejects.toThrow(/nothing was stored/)
    expect(heard).toEqual([])
    await store.close()
  })

  test('after it was closed', async () => {
    const store = openSqliteStore({ path })
    await store.close()
    await expect(keep(store, ...clash)).rejects.toThrow(/closed/)
  })
})

describe('history', () => {
  test('events have their place in one order, and can be read from any place on', async () => {
    const store = openSqliteStore({ path })
    const heard: number[] = []
    store.subscribe((change) => {
      if (change.kind === 'event.add') heard.push(change.event.seq)
    })
    await keep(store, boot('b1'), event('b1'), event('b1'))
    await keep(store, boot('b2', 2), event('b2', 2))
    expect(heard).toEqual([1, 2, 3])
    expect((await store.events({ limit: 10, after: 1 })).map(({ seq }) => seq)).toEqual([2, 3])
    expect(await store.events({ limit: 10, boot: 'b2' as BootId })).toEqual([
      { ...event('b2', 2).event, seq: 3 },
    ])
    expect(await store.events({ limit: 1, machine: machine('r1').id })).toHaveLength(1)
    await store.close()
  })

  test('prune keeps the newest boots of each machine, with their events', async () => {
    const store = openSqliteStore({ path })
    for (const id of ['b1', 'b2', 'b3']) await keep(store, boot(id), event(id))
    await keep(store, boot('c1', 2), event('c1', 2))
    expect(await store.prune(2)).toBe(1)
    expect((await store.boots({ limit: 10 })).map(({ id }) => id)).toEqual(['c1', 'b3', 'b2'])
    expect((await store.events({ limit: 10 })).map(({ boot: id }) => id)).toEqual([
      'b2',
      'b3',
      'c1',
    ])
    await store.close()
  })
})

describe('opening', () => {
  test('a second server on one database is turned away', async () => {
    const store = openSqliteStore({ path })
    expect(() => openSqliteStore({ path })).toThrow(/another rollcall is running on it/)
    await store.close()
  })

  test('a database from a newer version is left alone', () => {
    const database = new Sqlite(path)
    database.pragma('user_version = 999')
    database.close()
    expect(() => openSqliteStore({ path })).toThrow(/written by a newer rollcall \(schema 999/)
  })

  test('a folder that is not there', () => {
    expect(() => openSqliteStore({ path: join(folder, 'no', 'rollcall.db') })).toThrow(
      /cannot be opened/,
    )
  })

  test('a file that is no database', () => {
    writeFileSync(path, 'this is a shopping list, and quite a long one at that'.repeat(30))
    expect(() => openSqliteStore({ path })).toThrow(/damaged .* Restore it from a backup/)
  })

  test('what is on the disk is safe from a power cut: WAL with a full fsync', () => {
    const database = openDatabase(path)
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal')
    expect(database.pragma('synchronous', { simple: true })).toBe(2) // FULL
    database.close()
  })

  test('nobody else may read it: cloud-config can hold secrets', () => {
    writeFileSync(path, '', { mode: 0o644 })
    const database = openDatabase(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    database.close()
  })
})
