import { inNetwork, parseIpv4, type Ipv4, type Ipv4Network } from '../values/ipv4.ts'

/**
 * Who is asking, when there may be proxies in between. X-Forwarded-For is a list to which each proxy
 * appends whom it heard: it is read from its end, and only as far as the proxies are ours. Whatever
 * stands before that was written by somebody whom nobody vouches for.
 *
 * @param peer the socket's other end
 * @param header all of the request's X-Forwarded-For, joined by commas
 * @returns undefined when a proxy of ours names something that is no IPv4 address
 */
export function askerOf(
  peer: Ipv4 | undefined,
  header: string | undefined,
  proxies: readonly Ipv4Network[],
): Ipv4 | undefined {
  const hops = (header ?? '').split(',').filter((hop) => hop.trim() !== '')
  let asker = peer
  while (asker !== undefined && isOneOf(asker, proxies)) {
    const hop = hops.pop()
    if (hop === undefined) return asker
    const named = parseIpv4(hop)
    asker = named.ok ? named.value : undefined
  }
  return asker
}

const isOneOf = (address: Ipv4, networks: readonly Ipv4Network[]): boolean =>
  networks.some((network) => inNetwork(network, address))
