import { createRoute, z } from '@hono/zod-openapi'
import type { BootstrapTokenId } from '../../core/boot-token.ts'
import { selectMachine } from '../../core/inventory.ts'
import type { StoredAudit } from '../../store/store.ts'
import { formatTime } from '../../values/time.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { noMachine } from './machines.ts'
import { always, problem, problems } from './problem.ts'
import { selector, time } from './schema.ts'

const entrySchema = z
  .object({
    seq: z.int().openapi({ description: 'its place among all entries' }),
    at: time,
    kind: z.string().openapi({ example: 'token.refused' }),
    machine: z.string().optional().openapi({ description: 'its hostname now' }),
    machineId: z.string().optional(),
    boot: z.string().optional(),
    token: z.string().optional().openapi({ description: 'the id; never the secret' }),
    reason: z.string().optional(),
    evidence: z.record(z.string(), z.string()),
  })
  .openapi('AuditEntry')
export type AuditView = z.infer<typeof entrySchema>

const most = 1000

const list = createRoute({
  method: 'get',
  path: '/audit',
  summary: 'Who was given or refused what, and on what evidence',
  request: {
    query: z.object({
      machine: selector.optional(),
      token: z
        .string()
        .regex(/^[a-z0-9]{6}$/, 'is not a token id: 6 of a-z and 0-9')
        .optional(),
      after: z.coerce.number().int().min(0).default(0).openapi({ description: 'a `seq`' }),
      limit: z.coerce.number().int().min(1).max(most).default(most),
    }),
  },
  responses: {
    200: {
      description: 'The oldest first; ask again with `after` for more',
      content: { 'application/json': { schema: z.object({ entries: z.array(entrySchema) }) } },
    },
    ...problems(404, 422, ...always),
  },
})

export function auditRoutes({ store }: ManagementDeps) {
  const api = newApi()
  api.openapi(list, async (context) => {
    const { machine: which, token, after, limit } = context.req.valid('query')
    const machine = which && selectMachine(store.facts, which)
    if (which && !machine) return problem(context, 404, noMachine(which))
    const entries = await store.audit({
      ...{ after, limit },
      ...(machine && { machine: machine.id }),
      ...(token !== undefined && { token: token as BootstrapTokenId }),
    })
    return context.json({ entries: entries.map(view) }, 200)
  })

  const view = ({ at, machine, ...rest }: StoredAudit): AuditView => ({
    ...rest,
    evidence: { ...rest.evidence },
    at: formatTime(at),
    ...(machine && {
      machine: store.facts.machine(machine)?.hostname ?? machine,
      machineId: machine,
    }),
  })
  return api
}
