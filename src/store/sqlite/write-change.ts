import type { Database } from 'better-sqlite3'
import type { Change } from '../../core/change.ts'
import type { StoredChange } from '../store.ts'

/** Writes one change in the transaction at hand; an event gets its place in the order of all events. */
export type WriteChange = (change: Change) => StoredChange

/** Prepares every statement once. */
export function changeWriter(database: Database): WriteChange {
  const sql = (text: string) => database.prepare(text)
  const putMachine = sql(`
    INSERT INTO machines (id, document, hostname, address, serial, uuid)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET document = excluded.document, hostname = excluded.hostname,
      address = excluded.address, serial = excluded.serial, uuid = excluded.uuid`)
  const deleteMacs = sql('DELETE FROM machine_macs WHERE machine = ?')
  const putMac = sql('INSERT INTO machine_macs (mac, machine) VALUES (?, ?)')
  const deleteMachine = sql('DELETE FROM machines WHERE id = ?')
  const deleteBoots = sql('DELETE FROM boots WHERE machine = ?')
  const deleteEvents = sql('DELETE FROM events WHERE machine = ?')
  const putSubnet = sql('INSERT OR REPLACE INTO subnets (name, document) VALUES (?, ?)')
  const deleteSubnet = sql('DELETE FROM subnets WHERE name = ?')
  const deleteSubnetLeases = sql('DELETE FROM leases WHERE subnet = ?')
  const putLease = sql(`
    INSERT OR REPLACE INTO leases (subnet, mac, address, state, since, expires)
    VALUES (?, ?, ?, ?, ?, ?)`)
  const deleteLease = sql('DELETE FROM leases WHERE subnet = ? AND mac = ?')
  const putQuarantine = sql('INSERT OR REPLACE INTO quarantine (address, until) VALUES (?, ?)')
  const deleteQuarantine = sql('DELETE FROM quarantine WHERE address = ?')
  const putBoot = sql('INSERT OR REPLACE INTO boots (id, machine, document) VALUES (?, ?, ?)')
  const addEvent = sql('INSERT INTO events (at, machine, boot, mac, event) VALUES (?, ?, ?, ?, ?)')
  const putImage = sql('INSERT OR REPLACE INTO images (name, document) VALUES (?, ?)')
  const deleteImage = sql('DELETE FROM images WHERE name = ?')
  const setDefault = sql('INSERT OR REPLACE INTO default_image (one, name) VALUES (1, ?)')
  const putBootToken = sql(
    'INSERT OR REPLACE INTO boot_tokens (boot, token, document) VALUES (?, ?, ?)',
  )
  const putStored = sql('INSERT OR REPLACE INTO stored_tokens (owner, document) VALUES (?, ?)')
  const deleteStored = sql('DELETE FROM stored_tokens WHERE owner = ?')
  const putPort = sql('INSERT OR REPLACE INTO relay_ports (mac, document) VALUES (?, ?)')
  const deletePort = sql('DELETE FROM relay_ports WHERE mac = ?')
  const addAudit = sql('INSERT INTO audit (at, machine, token, entry) VALUES (?, ?, ?, ?)')
  const putToken = sql('INSERT OR REPLACE INTO api_tokens (id, document) VALUES (?, ?)')
  const deleteToken = sql('DELETE FROM api_tokens WHERE id = ?')

  return (change) => {
    switch (change.kind) {
      case 'machine.put': {
        const { machine: m } = change
        const { id, hostname, address = null, serial = null, uuid = null } = m
        putMachine.run(id, JSON.stringify(m), hostname, address, serial, uuid)
        deleteMacs.run(id)
        for (const mac of m.macs) putMac.run(mac, id)
        return change
      }
      case 'machine.delete':
        deleteMachine.run(change.id)
        deleteBoots.run(change.id)
        deleteEvents.run(change.id)
        return change
      case 'subnet.put':
        putSubnet.run(change.subnet.name, JSON.stringify(change.subnet))
        return change
      case 'subnet.delete':
        deleteSubnet.run(change.name)
        deleteSubnetLeases.run(change.name)
        return change
      case 'lease.put': {
        const { subnet, mac, address, state, since, expires } = change.lease
        putLease.run(subnet, mac, address, state, since, expires)
        return change
      }
      case 'lease.delete':
        deleteLease.run(change.subnet, change.mac)
        return change
      case 'quarantine.put':
        putQuarantine.run(change.quarantine.address, change.quarantine.until)
        return change
      case 'quarantine.delete':
        deleteQuarantine.run(change.address)
        return change
      case 'boot.put':
        putBoot.run(change.boot.id, change.boot.machine, JSON.stringify(change.boot))
        return change
      case 'event.add': {
        const { at, machine, boot, mac, event } = change.event
        const added = addEvent.run(at, machine, boot, mac, JSON.stringify(event))
        return { ...change, event: { ...change.event, seq: Number(added.lastInsertRowid) } }
      }
      case 'image.put':
        putImage.run(change.image.name, JSON.stringify(change.image))
        return change
      case 'image.delete':
        deleteImage.run(change.name)
        return change
      case 'default-image.set':
        setDefault.run(change.name)
        return change
      case 'boot-token.put': {
        const { boot, id = null } = change.token
        putBootToken.run(boot, id, JSON.stringify(change.token))
        return change
      }
      case 'stored-token.put':
        putStored.run(change.token.owner, JSON.stringify(change.token))
        return change
      case 'stored-token.delete':
        deleteStored.run(change.owner)
        return change
      case 'relay-port.learnt':
        putPort.run(change.mac, JSON.stringify(change.port))
        return change
      case 'relay-port.forget':
        deletePort.run(change.mac)
        return change
      case 'audit.add': {
        const { at, machine = null, token = null } = change.entry
        const added = addAudit.run(at, machine, token, JSON.stringify(change.entry))
        return { ...change, entry: { ...change.entry, seq: Number(added.lastInsertRowid) } }
      }
      case 'api-token.put':
        putToken.run(change.token.id, JSON.stringify(change.token))
        return change
      case 'api-token.delete':
        deleteToken.run(change.id)
        return change
    }
  }
}
