import type { Change } from '../../src/core/change.ts'
import type { Machine } from '../../src/core/machine.ts'
import type { Subnet } from '../../src/core/subnet.ts'
import { MemoryFacts } from '../../src/store/memory-facts.ts'
import { parseHostname } from '../../src/values/hostname.ts'
import { parseSubnetName, type MachineId } from '../../src/values/ids.ts'
import { parseIpv4, parseNetwork, parseRange, type Ipv4 } from '../../src/values/ipv4.ts'
import { parseMac, type Mac } from '../../src/values/mac.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs, seconds } from '../../src/values/time.ts'

export const ip = (text: string): Ipv4 => must(parseIpv4(text))
export const mac = (text: string): Mac => must(parseMac(text))

/** 52:54:00:00:00:NN */
export const macNumber = (n: number): Mac => mac(`525400${n.toString(16).padStart(6, '0')}`)

export function subnet(fields: Partial<Subnet> & { pool?: string } = {}): Subnet {
  const { pool = '192.0.2.100-192.0.2.103', ...rest } = fields
  return {
    name: must(parseSubnetName('rack')),
    network: must(parseNetwork('192.0.2.0/24')),
    pools: pool === '' ? [] : [must(parseRange(pool))],
    router: ip('192.0.2.254'),
    dns: [ip('192.0.2.53')],
    domain: 'dc.example',
    ntp: [],
    leaseTime: seconds(3600),
    unregistered: 'serve',
    version: 1,
    ...rest,
  }
}

export function machine(hostname: string, fields: Partial<Machine> = {}): Machine {
  return {
    id: `i-${hostname}` as MachineId,
    hostname: must(parseHostname(hostname)),
    macs: [macNumber(1)],
    labels: {},
    version: 1,
    created: epochMs(0),
    updated: epochMs(0),
    ...fields,
  }
}

/** Facts in memory, with the changes of decisions kept as a store keeps them. */
export function factsOf(...changes: readonly Change[]): MemoryFacts {
  const facts = new MemoryFacts()
  for (const change of changes) facts.apply(change)
  return facts
}
