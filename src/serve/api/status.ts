import { createRoute, z } from '@hono/zod-openapi'
import type { Outcome } from '../../core/boot.ts'
import type { Facts } from '../../core/facts.ts'
import { isHeld } from '../../core/lease.ts'
import type { EpochMs } from '../../values/time.ts'
import { closedVault } from '../../store/vault.ts'
import { secretsStatus } from '../token-keeper.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { always, problems } from './problem.ts'

const count = z.int()

const statusSchema = z
  .object({
    version: z.string(),
    machines: count,
    subnets: count,
    images: count,
    defaultImage: z.string().optional().openapi({ description: 'absent: no machine can boot' }),
    leases: count.openapi({ description: 'addresses in use' }),
    boots: z
      .object({ running: count, up: count, misnamed: count, never: count })
      .openapi({ description: 'machines by how their latest boot went' }),
    secrets: z
      .object({
        state: z.enum(['ok', 'none', 'no-key', 'wrong-key']),
        key: z.string().optional().openapi({ description: 'names the key; no secret' }),
        sealed: count,
        closed: count.openapi({ description: 'of those: that do not open' }),
        problem: z.string().optional(),
      })
      .openapi({ description: 'bootstrap tokens at rest' }),
  })
  .openapi('Status')
export type StatusView = z.infer<typeof statusSchema>

const get = createRoute({
  method: 'get',
  path: '/status',
  summary: 'How the server and its machines are',
  responses: {
    200: { description: 'Now', content: { 'application/json': { schema: statusSchema } } },
    ...problems(...always),
  },
})

export function statusRoutes({
  store,
  clock,
  version,
  vault = closedVault('there is no key'),
}: ManagementDeps) {
  const api = newApi()
  api.openapi(get, (context) => {
    const secrets = secretsStatus(store.facts, vault)
    return context.json({ version, ...countsOf(store.facts, clock()), secrets }, 200)
  })
  return api
}

function countsOf(facts: Facts, now: EpochMs): Omit<StatusView, 'version' | 'secrets'> {
  const boots: Record<Exclude<Outcome, 'superseded'> | 'never', number> = {
    running: 0,
    up: 0,
    misnamed: 0,
    never: 0,
  }
  let machines = 0
  for (const { id } of facts.machines()) {
    machines += 1
    const outcome = facts.latestBoot(id)?.outcome ?? 'never'
    // A latest boot that is superseded is one whose successor was not kept: it is not over.
    boots[outcome === 'superseded' ? 'running' : outcome] += 1
  }
  const defaultImage = facts.defaultImage()
  return {
    machines,
    subnets: [...facts.subnets()].length,
    images: [...facts.images()].length,
    ...(defaultImage === undefined ? {} : { defaultImage: defaultImage.name }),
    leases: [...facts.leases()].filter((lease) => isHeld(lease, now)).length,
    boots,
  }
}
