import type { SubnetName } from '../values/ids.ts'
import {
  broadcastOf,
  formatIpv4,
  formatNetwork,
  formatRange,
  inNetwork,
  inRange,
  type Ipv4,
  type Ipv4Network,
  type Ipv4Range,
} from '../values/ipv4.ts'
import type { Seconds } from '../values/time.ts'

export interface Subnet {
  readonly name: SubnetName
  readonly network: Ipv4Network
  /** Where machines without a reserved address get theirs; may be empty. */
  readonly pools: readonly Ipv4Range[]
  readonly router?: Ipv4
  readonly dns: readonly Ipv4[]
  readonly domain?: string
  readonly ntp: readonly Ipv4[]
  readonly leaseTime: Seconds
  /** Whether a MAC that the inventory does not know gets an address here. */
  readonly unregistered: 'serve' | 'ignore'
  readonly version: number
}

export interface SubnetProblem {
  /** The field to change. */
  readonly field: string
  readonly problem: string
}

/** What is wrong within one subnet and between it and the others. Empty when it can be served. */
export function subnetProblems(subnet: Subnet, others: Iterable<Subnet>): readonly SubnetProblem[] {
  const problems: SubnetProblem[] = []
  const { network } = subnet
  if (network.prefix > 30 || network.prefix < 8) {
    problems.push({ field: 'network', problem: 'the prefix must be from /8 to /30' })
  }
  subnet.pools.forEach((pool, index) => {
    const field = `pools[${index}]`
    const add = (problem: string) =>
      problems.push({ field, problem: `${formatRange(pool)} ${problem}` })
    if (!inNetwork(network, pool.from) || !inNetwork(network, pool.to)) {
      add(`is not inside ${formatNetwork(network)}`)
    }
    if (inRange(pool, network.base)) add('contains the network address')
    if (inRange(pool, broadcastOf(network))) add('contains the broadcast address')
    if (subnet.router !== undefined && inRange(pool, subnet.router)) {
      add(`contains the router ${formatIpv4(subnet.router)}`)
    }
    for (const other of subnet.pools.slice(0, index)) {
      if (overlap(pool, other)) add(`overlaps ${formatRange(other)}`)
    }
  })
  if (subnet.router !== undefined && !inNetwork(network, subnet.router)) {
    problems.push({
      field: 'router',
      problem: `${formatIpv4(subnet.router)} is not inside ${formatNetwork(network)}`,
    })
  }
  for (const other of others) {
    if (other.name !== subnet.name && networksOverlap(network, other.network)) {
      problems.push({
        field: 'network',
        problem: `${formatNetwork(network)} overlaps ${formatNetwork(other.network)} of subnet ${other.name}`,
      })
    }
  }
  return problems
}

/** Whether a client may have this address at all: in the network, neither its base nor its broadcast. */
export const isHostAddress = (subnet: Subnet, address: Ipv4): boolean =>
  inNetwork(subnet.network, address) &&
  address !== subnet.network.base &&
  address !== broadcastOf(subnet.network)

export const inPools = (subnet: Subnet, address: Ipv4): boolean =>
  subnet.pools.some((pool) => inRange(pool, address))

const overlap = (a: Ipv4Range, b: Ipv4Range): boolean => a.from <= b.to && b.from <= a.to

const networksOverlap = (a: Ipv4Network, b: Ipv4Network): boolean =>
  inNetwork(a, b.base) || inNetwork(b, a.base)
