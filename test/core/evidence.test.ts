import { describe, expect, test } from 'vitest'
import type { Boot } from '../../src/core/boot.ts'
import { findings, type Clues } from '../../src/core/evidence.ts'
import { evidenceKinds, type EvidenceKind } from '../../src/core/group.ts'
import type { BootId, ImageName, SeedDigest } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { parseSmbiosUuid } from '../../src/values/uuid.ts'
import { factsOf, ip, machine, macNumber } from '../support/inventory.ts'

const uuid = must(parseSmbiosUuid('4c4c4544-0042-3510-8056-b4c04f4e3133'))
const otherUuid = must(parseSmbiosUuid('4c4c4544-0042-3510-8056-b4c04f4e3134'))
const here = ip('192.0.2.50')
const relay = ip('198.51.100.1')
const mac = macNumber(1)
const port = { relay, circuit: '0102' }
const worker = machine('worker-1', { uuid, serial: 'S1' })
const boot: Boot = {
  ...{ id: 'b1' as BootId, machine: worker.id, mac, stage: 'script', outcome: 'running' },
  ...{ opened: epochMs(500), updated: epochMs(1000), events: 1 },
  issued: {
    ...{ hostname: worker.hostname, image: 'i' as ImageName, seed: 'd' as SeedDigest },
    at: epochMs(1000),
  },
  seen: { netboot: epochMs(900), uuids: [uuid], serials: ['S1'], ports: [{ mac, ...port }] },
}
const all: Clues = {
  ...{ machine: worker, boot, token: { expires: epochMs(2000) }, source: here },
  ...{ addresses: [here], now: epochMs(1500) },
  facts: factsOf({ kind: 'relay-port.learnt', mac, port }),
}
const seen = (fields: Boot['seen']): Partial<Clues> => ({
  boot: { ...boot, seen: { ...boot.seen, ...fields } },
})
const { uuid: _uuid, serial: _serial, ...unknown } = worker

test('all of it holds for the machine itself', () => {
  const found = findings(all)
  expect(Object.keys(found)).toEqual(evidenceKinds)
  for (const kind of evidenceKinds) expect([kind, found[kind].holds]).toEqual([kind, true])
})

describe('what does not hold', () => {
  test.each<[string, EvidenceKind, Partial<Clues>, RegExp]>([
    ['no DHCP', 'netboot', { boot: { ...boot, seen: {} } }, /did not begin with DHCP/],
    ['nothing was seen at all', 'netboot', { boot: withoutSeen() }, /did not begin with DHCP/],
    ['DHCP long before', 'netboot', seen({ netboot: epochMs(-60_000) }), /61 s after its DHCP/],
    ['DHCP after the script', 'netboot', seen({ netboot: epochMs(1001) }), /after its DHCP/],
    ['another address', 'address', { source: ip('192.0.2.51') }, /asked from 192.0.2.51/],
    ['no address', 'address', { source: undefined }, /an unknown address/],
    ['its last moment', 'boot-window', { now: epochMs(2000) }, /closed at 1970/],
    ['a clock set back', 'boot-window', { now: epochMs(999) }, /window/],
    ['another UUID', 'uuid', seen({ uuids: [otherUuid] }), /it said UUID .*34, registered is .*33/],
    ['two UUIDs', 'uuid', seen({ uuids: [uuid, otherUuid] }), /it said UUID .*34/],
    ['no UUID', 'uuid', seen({ uuids: [] }), /did not say its UUID/],
    ['no UUID in the inventory', 'uuid', { machine: unknown }, /the inventory has no UUID/],
    ['another serial', 'serial', seen({ serials: ['S2'] }), /serial number S2, registered is S1/],
    ['two serials', 'serial', seen({ serials: ['S1', 'S2'] }), /serial number S2/],
    ['no serial in the inventory', 'serial', { machine: unknown }, /the inventory has no serial/],
    [
      'another port',
      'relay-port',
      seen({ ports: [{ mac, relay, circuit: '0103' }] }),
      /it is at relay 198.51.100.1 circuit 0103, learnt was relay 198.51.100.1 circuit 0102/,
    ],
    [
      'two ports',
      'relay-port',
      seen({
        ports: [
          { mac, ...port },
          { mac, relay: ip('0.0.0.0'), circuit: '' },
        ],
      }),
      /it is at no relay/,
    ],
    [
      "another NIC's port only",
      'relay-port',
      seen({ ports: [{ mac: macNumber(2), ...port }] }),
      /no relay said/,
    ],
    ['nothing learnt', 'relay-port', { facts: factsOf() }, /was not learnt yet/],
  ])('%s', (_, kind, clues, words) => {
    const found = findings({ ...all, ...clues })
    expect(found[kind].holds).toBe(false)
    expect(found[kind].says).toMatch(words)
  })
})

function withoutSeen(): Boot {
  const { seen: _seen, ...rest } = boot
  return rest
}
