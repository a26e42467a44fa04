import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isActive, type Lease } from '../../src/core/lease.ts'
import { MemoryFacts } from '../../src/store/memory-facts.ts'
import { ExpiryQueue } from '../../src/store/expiry-queue.ts'
import type { Ipv4 } from '../../src/values/ipv4.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, machine, macNumber, subnet } from '../support/inventory.ts'

const first = ip('192.0.2.100')
const rack = subnet({ pool: '192.0.2.100-192.0.2.107' })
const all = Array.from({ length: 8 }, (_, index) => (first + index) as Ipv4)

const step = fc.oneof(
  fc.record({
    what: fc.constant('lease' as const),
    n: fc.nat(9),
    at: fc.nat(7),
    runs: fc.integer({ min: -5, max: 20 }),
  }),
  fc.record({ what: fc.constant('drop' as const), n: fc.nat(9) }),
  fc.record({ what: fc.constant('reserve' as const), at: fc.option(fc.nat(7)) }),
  fc.record({ what: fc.constant('quarantine' as const), at: fc.nat(7), runs: fc.nat(9) }),
  fc.record({ what: fc.constant('wait' as const), runs: fc.nat(9) }),
)

/** Against the slow and obvious way: look at each address. */
test('a free address is found exactly when there is one, after whatever came before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const facts = new MemoryFacts()
      facts.apply({ kind: 'subnet.put', subnet: rack })
      let now = 100
      for (const one of steps) {
        switch (one.what) {
          case 'lease': {
            // No decision gives out an address in quarantine.
            if ((facts.quarantinedUntil((first + one.at) as Ipv4) ?? 0) > now) break
            const lease: Lease = {
              mac: macNumber(one.n + 1),
              subnet: rack.name,
              address: (first + one.at) as Ipv4,
              state: 'bound',
              since: epochMs(now),
              expires: epochMs(now + one.runs),
            }
            facts.apply({ kind: 'lease.put', lease })
            break
          }
          case 'drop':
            facts.apply({ kind: 'lease.delete', subnet: rack.name, mac: macNumber(one.n + 1) })
            break
          case 'reserve':
            facts.apply({
              kind: 'machine.put',
              machine: machine('r1', {
                macs: [macNumber(50)],
                ...(one.at === null ? {} : { address: (first + one.at) as Ipv4 }),
              }),
            })
            break
          case 'quarantine': {
            const address = (first + one.at) as Ipv4
            const held = facts.leaseByAddress(address)
            if (held) facts.apply({ kind: 'lease.delete', subnet: rack.name, mac: held.mac })
            const until = epochMs(now + one.runs)
            facts.apply({ kind: 'quarantine.put', quarantine: { address, until } })
            break
          }
          case 'wait':
            now += one.runs
        }
        const time = epochMs(now)
        const usable = all.filter(
          (address) =>
            facts.machineByAddress(address) === undefined &&
            (facts.quarantinedUntil(address) ?? 0) <= time,
        )
        const fresh = usable.filter((address) => facts.leaseByAddress(address) === undefined)
        const over = usable.flatMap((address) => {
          const lease = facts.leaseByAddress(address)
          return lease && !isActive(lease, time) ? [lease] : []
        })
        const unused = facts.unusedAddress(rack, time)
        if (fresh.length === 0) expect(unused).toBeUndefined()
        else expect(fresh).toContain(unused)
        const expired = facts.oldestExpired(rack, time)
        expect(expired?.expires).toBe(
          over.length === 0 ? undefined : Math.min(...over.map(({ expires }) => expires)),
        )
      }
    }),
    { numRuns: 500 },
  )
})

test('the queue of lease ends does not grow with renewals', () => {
  const current = new Map<number, number>()
  const queue = new ExpiryQueue(({ address, expires }) => current.get(address) === expires)
  for (let round = 0; round < 1000; round += 1) {
    for (let address = 0; address < 10; address += 1) {
      current.set(address, round * 10 + address)
      queue.push({ address: address as Ipv4, expires: epochMs(round * 10 + address) })
      queue.compactAbove(current.size)
    }
  }
  expect(queue.size).toBeLessThan(100)
  expect(queue.peek()).toEqual({ address: 0, expires: 9990 })
})
