import { z } from '@hono/zod-openapi'
import { domainProblem } from '../../core/inventory-fields.ts'
import type { Subnet } from '../../core/subnet.ts'
import { formatIpv4, formatNetwork, formatRange } from '../../values/ipv4.ts'
import { seconds } from '../../values/time.ts'
import { address, checkedBy, fieldsOf, network, range } from './schema.ts'

/** Option 51 reads 0xffffffff as "for ever" (RFC 2131, 3.3): no lease is. */
const longestLease = 0xfffffffe

export const subnetFieldsSchema = fieldsOf('a subnet', {
  network,
  pools: z.array(range).max(64).default([]),
  router: address.optional(),
  dns: z.array(address).max(8).default([]),
  domain: checkedBy(domainProblem, { example: 'rack.example.org' }).optional(),
  ntp: z.array(address).max(8).default([]),
  leaseTime: z
    .int()
    .min(1)
    .max(longestLease)
    .default(3600)
    .openapi({ description: 'seconds', example: 3600 })
    .transform(seconds),
  unregistered: z
    .enum(['serve', 'ignore'])
    .default('ignore')
    .openapi({ description: 'whether a MAC that no machine has is given an address' }),
}).openapi('SubnetFields')

export const subnetSchema = z
  .object({
    name: z.string(),
    network: z.string(),
    pools: z.array(z.string()),
    router: z.string().optional(),
    dns: z.array(z.string()),
    domain: z.string().optional(),
    ntp: z.array(z.string()),
    leaseTime: z.int().openapi({ description: 'seconds' }),
    unregistered: z.enum(['serve', 'ignore']),
    version: z.int(),
  })
  .openapi('Subnet')
export type SubnetView = z.infer<typeof subnetSchema>

export const subnetView = (subnet: Subnet): SubnetView => ({
  name: subnet.name,
  network: formatNetwork(subnet.network),
  pools: subnet.pools.map(formatRange),
  ...(subnet.router === undefined ? {} : { router: formatIpv4(subnet.router) }),
  dns: subnet.dns.map(formatIpv4),
  ...(subnet.domain === undefined ? {} : { domain: subnet.domain }),
  ntp: subnet.ntp.map(formatIpv4),
  leaseTime: subnet.leaseTime,
  unregistered: subnet.unregistered,
  version: subnet.version,
})
