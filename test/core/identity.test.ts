import { describe, expect, test } from 'vitest'
import type { Boot } from '../../src/core/boot.ts'
import {
  addressesOf,
  evidenceFor,
  holderOf,
  identify,
  type Evidence,
} from '../../src/core/identity.ts'
import type { Lease } from '../../src/core/lease.ts'
import type { BootId, ImageName, SeedDigest } from '../../src/values/ids.ts'
import type { Ipv4 } from '../../src/values/ipv4.ts'
import type { Mac } from '../../src/values/mac.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf, ip, machine, macNumber, subnet } from '../support/inventory.ts'

const now = epochMs(1_000_000)
const rack = subnet()
const here = ip('192.0.2.50')
const elsewhere = ip('192.0.2.99')
const worker = machine('worker-1', { macs: [macNumber(1), macNumber(2)] })

const boot: Boot = {
  id: 'b1' as BootId,
  machine: worker.id,
  mac: macNumber(1),
  stage: 'script',
  outcome: 'running',
  opened: now,
  updated: now,
  events: 1,
  issued: {
    hostname: worker.hostname,
    image: 'worker' as ImageName,
    seed: 'd1' as SeedDigest,
    at: now,
  },
}

const lease = (mac: Mac, address: Ipv4, fields: Partial<Lease> = {}) => ({
  kind: 'lease.put' as const,
  lease: {
    mac,
    subnet: rack.name,
    address,
    state: 'bound' as const,
    since: now,
    expires: epochMs(now + 1),
    ...fields,
  },
})

describe('the verdict on who asks for a seed', () => {
  const all: Evidence = {
    boot,
    machine: worker,
    latest: boot,
    source: here,
    addresses: [elsewhere, here],
  }

  test.each<[string, Partial<Evidence>, string]>([
    ['all well', {}, 'serve'],
    ['the boot has run on since', { latest: { ...boot, stage: 'up', outcome: 'up' } }, 'serve'],
    ['a seed that nobody minted', { boot: undefined, latest: undefined }, 'unknown-seed'],
    ['its machine has left the inventory', { machine: undefined }, 'unknown-seed'],
    ['a boot that issued nothing', { boot: { ...boot, issued: undefined! } }, 'unknown-seed'],
    ['powered on again', { latest: { ...boot, id: 'b2' as BootId } }, 'superseded'],
    ['no boot is its latest', { latest: undefined }, 'superseded'],
    ['from another address', { source: ip('192.0.2.51') }, 'elsewhere'],
    ['from an address that is no IPv4', { source: undefined }, 'elsewhere'],
    ['the machine holds nothing', { addresses: [] }, 'elsewhere'],
    [
      'superseded and from elsewhere',
      { latest: { ...boot, id: 'b2' as BootId }, addresses: [] },
      'superseded',
    ],
  ])('%s', (_, change, expected) => {
    const verdict = identify({ ...all, ...change })
    const served = 'elsewhere' in verdict ? 'elsewhere' : 'serve'
    expect(verdict.kind === 'serve' ? served : verdict.why).toBe(expected)
  })

  test('the wrong place is named with both addresses', () => {
    expect(identify({ ...all, source: ip('198.51.100.7') })).toEqual({
      kind: 'serve',
      machine: worker,
      boot,
      issued: boot.issued,
      elsewhere: 'asked from 198.51.100.7, but the machine holds 192.0.2.99, 192.0.2.50',
    })
    expect(identify({ ...all, source: undefined, addresses: [] })).toMatchObject({
      elsewhere: 'asked from an unknown address, but the machine holds no address',
    })
  })

  test('what is served is the machine, its boot and what that boot issued', () => {
    expect(identify(all)).toEqual({ kind: 'serve', machine: worker, boot, issued: boot.issued })
  })
})

describe('the addresses of a machine', () => {
  const putRack = { kind: 'subnet.put', subnet: rack } as const
  const base = [putRack, { kind: 'machine.put', machine: worker } as const]
  const reserved = machine('worker-1', { macs: worker.macs, address: here })
  const withReservation = [putRack, { kind: 'machine.put', machine: reserved } as const]

  test.each([
    ['a lease of its first NIC', [...base, lease(macNumber(1), here)], [here]],
    ['of its second', [...base, lease(macNumber(2), here)], [here]],
    [
      'of both',
      [...base, lease(macNumber(1), here), lease(macNumber(2), elsewhere)],
      [here, elsewhere],
    ],
    ['only offered', [...base, lease(macNumber(1), here, { state: 'offered' })], []],
    ['given back', [...base, lease(macNumber(1), here, { state: 'released' })], []],
    ['over', [...base, lease(macNumber(1), here, { expires: now })], []],
    ["another machine's lease", [...base, lease(macNumber(3), here)], []],
    ['reserved, no lease at all', withReservation, [here]],
    ['reserved and leased', [...withReservation, lease(macNumber(1), here)], [here]],
    [
      'reserved, and still leased to somebody else',
      [...withReservation, lease(macNumber(3), here)],
      [],
    ],
    [
      'reserved, and once leased to somebody else',
      [...withReservation, lease(macNumber(3), here, { expires: now })],
      [here],
    ],
  ])('%s', (_, changes, expected) => {
    const facts = factsOf(...changes)
    const current = facts.machineByMac(macNumber(1))!
    expect(addressesOf(current, facts, now)).toEqual(expected)
    for (const address of expected) {
      expect(holderOf(address, facts, now)?.machine.id).toBe(worker.id)
    }
    if (expected.length === 0) expect(holderOf(here, facts, now)?.machine).toBeUndefined()
  })

  test('the evidence is gathered from the facts', () => {
    const facts = factsOf(...base, lease(macNumber(2), here), { kind: 'boot.put', boot })
    expect(evidenceFor(facts, boot.issued!.seed, here, now)).toEqual({
      boot,
      machine: worker,
      latest: boot,
      source: here,
      addresses: [here],
    })
    expect(evidenceFor(facts, 'nobody' as SeedDigest, here, now)).toEqual({
      boot: undefined,
      machine: undefined,
      latest: undefined,
      source: here,
      addresses: [],
    })
  })
})
