import { createRoute, z } from '@hono/zod-openapi'
import { ownedByGroup } from '../../core/boot-token.ts'
import { evidenceKinds, groupOf, type Group } from '../../core/group.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { always, problems } from './problem.ts'
import { view as storedView } from './stored-tokens.ts'
import { time } from './schema.ts'

const groupSchema = z
  .object({
    name: z.string(),
    selector: z.record(z.string(), z.string()),
    token: z.enum(['minted', 'stored', 'none']),
    requires: z.array(z.enum(evidenceKinds)),
    windowSeconds: z.int(),
    nodeLabels: z.record(z.string(), z.string()),
    nodeTaints: z.array(z.string()),
    machines: z.array(z.string()).openapi({ description: 'hostnames of those whose group it is' }),
    storedToken: z
      .object({ id: z.string(), expires: time.optional(), updated: time })
      .optional()
      .openapi({ description: 'the token of the whole group, if there is one' }),
  })
  .openapi('Group')
export type GroupView = z.infer<typeof groupSchema>

const list = createRoute({
  method: 'get',
  path: '/groups',
  summary: 'Machines that join the cluster in the same way, as the configuration has them',
  responses: {
    200: {
      description: 'In the order in which they count',
      content: { 'application/json': { schema: z.object({ groups: z.array(groupSchema) }) } },
    },
    ...problems(...always),
  },
})

export function groupRoutes({ store, groups = [] }: ManagementDeps) {
  const api = newApi()
  api.openapi(list, (context) => {
    const machines = new Map<string, string[]>(groups.map(({ name }) => [name, []]))
    for (const machine of store.facts.machines()) {
      const name = groupOf(machine, groups)?.name
      if (name !== undefined) machines.get(name)?.push(machine.hostname)
    }
    const view = (group: Group): GroupView => {
      const stored = store.facts.storedToken(ownedByGroup(group.name))
      return {
        name: group.name,
        selector: { ...group.selector },
        token: group.token,
        requires: [...group.requires],
        windowSeconds: group.window,
        nodeLabels: { ...group.nodeLabels },
        nodeTaints: [...group.nodeTaints],
        machines: (machines.get(group.name) ?? []).sort(),
        ...(stored === undefined ? {} : { storedToken: storedView(stored) }),
      }
    }
    return context.json({ groups: groups.map(view) }, 200)
  })
  return api
}
