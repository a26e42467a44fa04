import { describe, expect, test } from 'vitest'
import type { Facts } from '../../src/core/facts.ts'
import {
  planDeleteSubnet,
  planPutSubnet,
  type SubnetFields,
} from '../../src/core/inventory-subnets.ts'
import type { Lease } from '../../src/core/lease.ts'
import { parseSubnetName } from '../../src/values/ids.ts'
import { parseNetwork, parseRange } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf, ip, macNumber, machine, subnet } from '../support/inventory.ts'

const rack = subnet()
const name = (text: string) => must(parseSubnetName(text))
const network = (text: string) => must(parseNetwork(text))

const lease = (n: number, address: string): Lease => ({
  mac: macNumber(n),
  subnet: rack.name,
  address: ip(address),
  state: 'bound',
  since: epochMs(0),
  expires: epochMs(9e9),
})

const put = (facts: Facts, which: string, fields: Partial<SubnetFields>) => {
  const { name: _name, version: _version, ...same } = rack
  return planPutSubnet(facts, {
    name: name(which),
    fields: { ...same, ...fields },
    precondition: () => true,
  })
}

const withMachine = factsOf(
  { kind: 'subnet.put', subnet: rack },
  { kind: 'machine.put', machine: machine('one', { address: ip('192.0.2.200') }) },
  { kind: 'lease.put', lease: lease(1, '192.0.2.200') },
  { kind: 'lease.put', lease: lease(2, '192.0.2.100') },
)

describe('a subnet', () => {
  test('is added', () => {
    const { changes, result } = put(factsOf(), 'rack', {})
    expect(result).toEqual({ outcome: 'created', record: rack })
    expect(changes).toEqual([{ kind: 'subnet.put', subnet: rack }])
  })

  test('is as it was, also when optional fields are left undefined', () => {
    const { router: _router, domain: _domain, ...rest } = rack
    const facts = factsOf({ kind: 'subnet.put', subnet: rest })
    expect(put(facts, 'rack', { router: undefined, domain: undefined })).toEqual({
      changes: [],
      result: { outcome: 'unchanged', record: rest },
    })
  })

  test('is changed, and counts its changes', () => {
    expect(put(withMachine, 'rack', { unregistered: 'ignore' }).result).toMatchObject({
      outcome: 'updated',
      record: { unregistered: 'ignore', version: 2 },
    })
  })

  test('says what is wrong with itself before what is in its way', () => {
    const pools = [must(parseRange('192.0.3.1-192.0.3.9'))]
    const { result } = put(withMachine, 'other', { pools })
    expect(result).toMatchObject({ outcome: 'invalid', problems: [{ field: 'pools[0]' }] })
  })

  test('does not overlap another', () => {
    const { result } = put(withMachine, 'other', {
      network: network('192.0.2.128/25'),
      pools: [],
    })
    expect(result).toMatchObject({
      outcome: 'conflict',
      conflicts: [{ field: 'network', value: '192.0.2.128/25', holder: 'rack' }],
    })
  })
})

describe('with machines in it', () => {
  test.for([
    ['shrunk away from them', { network: network('192.0.2.0/25'), router: ip('192.0.2.1') }],
    ['moved away', { network: network('198.51.100.0/24'), pools: [], router: undefined }],
    ['given a router at their address', { router: ip('192.0.2.200') }],
  ] as const)('it is not %s', ([, fields]) => {
    expect(put(withMachine, 'rack', fields)).toMatchObject({
      changes: [],
      result: {
        outcome: 'conflict',
        conflicts: [{ field: 'address', value: '192.0.2.200', holder: 'one' }],
      },
    })
  })

  test('it is not removed', () => {
    const plan = planDeleteSubnet(withMachine, { name: rack.name, precondition: () => true })
    expect(plan).toMatchObject({
      changes: [],
      result: { outcome: 'conflict', conflicts: [{ holder: 'one', value: '192.0.2.200' }] },
    })
  })
})

describe('leases', () => {
  test('go with the part of the network that goes', () => {
    const { changes } = put(withMachine, 'rack', {
      network: network('192.0.2.128/25'),
      pools: [],
    })
    expect(changes.slice(1)).toEqual([{ kind: 'lease.delete', subnet: 'rack', mac: macNumber(2) }])
  })

  test('go with the whole', () => {
    const facts = factsOf(
      { kind: 'subnet.put', subnet: rack },
      { kind: 'lease.put', lease: lease(2, '192.0.2.100') },
    )
    expect(planDeleteSubnet(facts, { name: rack.name, precondition: () => true })).toEqual({
      changes: [
        { kind: 'lease.delete', subnet: 'rack', mac: macNumber(2) },
        { kind: 'subnet.delete', name: 'rack' },
      ],
      result: { outcome: 'deleted' },
    })
  })
})

test('a removal that comes too late', () => {
  const plan = (which: string, fits: boolean) =>
    planDeleteSubnet(withMachine, { name: name(which), precondition: () => fits }).result
  expect(plan('other', true)).toEqual({ outcome: 'not-found' })
  expect(plan('rack', false)).toEqual({ outcome: 'precondition-failed' })
})
