import type { Database } from 'better-sqlite3'
import type { Change } from '../../core/change.ts'
import type { Lease } from '../../core/lease.ts'
import type { RelayPort } from '../../core/seen.ts'
import { MemoryFacts } from '../memory-facts.ts'

/** Builds the facts from the disk by the very changes that made them. */
export function readFacts(database: Database): MemoryFacts {
  const facts = new MemoryFacts()
  for (const change of storedChanges(database)) facts.apply(change)
  return facts
}

/** Subnets come before leases, since a lease enters its subnet's pool. */
function* storedChanges(database: Database): Iterable<Change> {
  const documents = function* <T>(query: string): Iterable<T> {
    for (const text of database.prepare<[], string>(query).pluck().iterate()) {
      yield JSON.parse(text) as T
    }
  }
  type Of<Kind extends Change['kind']> = Extract<Change, { kind: Kind }>

  for (const machine of documents<Of<'machine.put'>['machine']>('SELECT document FROM machines')) {
    yield { kind: 'machine.put', machine }
  }
  for (const subnet of documents<Of<'subnet.put'>['subnet']>('SELECT document FROM subnets')) {
    yield { kind: 'subnet.put', subnet }
  }
  const quarantines = database.prepare<[], Of<'quarantine.put'>['quarantine']>(
    'SELECT address, until FROM quarantine',
  )
  for (const quarantine of quarantines.iterate()) yield { kind: 'quarantine.put', quarantine }
  const leases = database.prepare<[], Lease>(
    'SELECT subnet, mac, address, state, since, expires FROM leases',
  )
  for (const lease of leases.iterate()) yield { kind: 'lease.put', lease }
  const latest = `
    SELECT document FROM boots WHERE id IN (SELECT max(id) FROM boots GROUP BY machine)`
  for (const boot of documents<Of<'boot.put'>['boot']>(latest)) yield { kind: 'boot.put', boot }
  for (const image of documents<Of<'image.put'>['image']>('SELECT document FROM images')) {
    yield { kind: 'image.put', image }
  }
  const names = database.prepare<[], Of<'default-image.set'>['name']>(
    'SELECT name FROM default_image',
  )
  for (const name of names.pluck().iterate()) {
    yield { kind: 'default-image.set', name }
  }
  for (const token of documents<Of<'boot-token.put'>['token']>(
    'SELECT document FROM boot_tokens ORDER BY boot',
  )) {
    yield { kind: 'boot-token.put', token }
  }
  for (const token of documents<Of<'stored-token.put'>['token']>(
    'SELECT document FROM stored_tokens',
  )) {
    yield { kind: 'stored-token.put', token }
  }
  const ports = database.prepare<[], { mac: Of<'relay-port.learnt'>['mac']; document: string }>(
    'SELECT mac, document FROM relay_ports',
  )
  for (const { mac, document } of ports.iterate()) {
    yield { kind: 'relay-port.learnt', mac, port: JSON.parse(document) as RelayPort }
  }
  for (const token of documents<Of<'api-token.put'>['token']>('SELECT document FROM api_tokens')) {
    yield { kind: 'api-token.put', token }
  }
}
