import { createRoute, z } from '@hono/zod-openapi'
import type { Facts } from '../../core/facts.ts'
import { planRemoveLease } from '../../core/inventory-leases.ts'
import type { Lease } from '../../core/lease.ts'
import { formatIpv4 } from '../../values/ipv4.ts'
import { formatTime, type EpochMs } from '../../values/time.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { always, problem, problems } from './problem.ts'
import { address, subnetName, time } from './schema.ts'

const leaseSchema = z
  .object({
    address: z.string(),
    mac: z.string(),
    subnet: z.string(),
    machine: z.string().optional().openapi({ description: 'absent for an unregistered MAC' }),
    state: z.enum(['offered', 'bound', 'released', 'expired']),
    since: time,
    expires: time,
  })
  .openapi('Lease')
export type LeaseView = z.infer<typeof leaseSchema>

const list = createRoute({
  method: 'get',
  path: '/leases',
  summary: 'The leases, those that are over included while their address is free',
  request: { query: z.object({ subnet: subnetName.optional() }) },
  responses: {
    200: {
      description: 'By address',
      content: { 'application/json': { schema: z.object({ leases: z.array(leaseSchema) }) } },
    },
    ...problems(422, ...always),
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/leases/{address}',
  summary: 'Forget a lease, so that its address is free',
  description:
    'The machine that has it is not told and may go on using the address: turn it off or move it first.',
  request: { params: z.object({ address }) },
  responses: { 204: { description: 'Forgotten' }, ...problems(404, 422, ...always) },
})

export function leaseRoutes({ store, clock }: ManagementDeps) {
  const api = newApi()
  api.openapi(list, (context) => {
    const { subnet } = context.req.valid('query')
    const leases = [...store.facts.leases()]
      .filter((lease) => subnet === undefined || lease.subnet === subnet)
      .sort((a, b) => a.address - b.address)
    const now = clock()
    return context.json({ leases: leases.map((lease) => view(lease, store.facts, now)) }, 200)
  })

  api.openapi(remove, async (context) => {
    const which = context.req.valid('param').address
    const result = await store.update((facts) => planRemoveLease(facts, which))
    if (result === 'not-found') {
      return problem(context, 404, `there is no lease on ${formatIpv4(which)}`)
    }
    return context.body(null, 204)
  })

  return api
}

function view(lease: Lease, facts: Facts, now: EpochMs): LeaseView {
  const machine = facts.machineByMac(lease.mac)
  return {
    address: formatIpv4(lease.address),
    mac: lease.mac,
    subnet: lease.subnet,
    ...(machine === undefined ? {} : { machine: machine.hostname }),
    state: lease.state !== 'released' && lease.expires <= now ? 'expired' : lease.state,
    since: formatTime(lease.since),
    expires: formatTime(lease.expires),
  }
}
