import { createRoute, z } from '@hono/zod-openapi'
import { selectMachine } from '../../core/inventory.ts'
import { mostEvents } from '../../core/timeline.ts'
import type { BootId } from '../../values/ids.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { noMachine } from './machines.ts'
import { always, problem, problems } from './problem.ts'
import { bootSchema, bootView, eventSchema, eventView } from './schema-boot.ts'
import { selector } from './schema.ts'

const list = createRoute({
  method: 'get',
  path: '/boots',
  summary: "Every machine's latest boot, or one machine's boots",
  request: { query: z.object({ machine: selector.optional() }) },
  responses: {
    200: {
      description: 'The newest first',
      content: { 'application/json': { schema: z.object({ boots: z.array(bootSchema) }) } },
    },
    ...problems(404, 422, ...always),
  },
})

const get = createRoute({
  method: 'get',
  path: '/boots/{id}',
  summary: 'One boot with its timeline',
  request: { params: z.object({ id: z.string().max(64) }) },
  responses: {
    200: {
      description: 'The boot',
      content: {
        'application/json': {
          schema: bootSchema.extend({ events: z.array(eventSchema) }).openapi('BootTimeline'),
        },
      },
    },
    ...problems(404, 422, ...always),
  },
})

/** More boots of one machine than are ever kept (`timeline.keepBoots`). */
const allBoots = 1000

export function bootRoutes({ store }: ManagementDeps) {
  const api = newApi()

  api.openapi(list, async (context) => {
    const { facts } = store
    const which = context.req.valid('query').machine
    if (which === undefined) {
      const latest = [...facts.machines()].flatMap(({ id }) => facts.latestBoot(id) ?? [])
      latest.sort((a, b) => b.opened - a.opened)
      return context.json({ boots: latest.map((boot) => bootView(boot, facts)) }, 200)
    }
    const machine = selectMachine(facts, which)
    if (machine === undefined) return problem(context, 404, noMachine(which))
    const found = await store.boots({ machine: machine.id, limit: allBoots })
    return context.json({ boots: found.map((boot) => bootView(boot, facts)) }, 200)
  })

  api.openapi(get, async (context) => {
    const id = context.req.valid('param').id as BootId
    const boot = await store.boot(id)
    if (boot === undefined) return problem(context, 404, `there is no boot '${id}'`)
    const events = await store.events({ boot: id, limit: mostEvents })
    const { facts } = store
    return context.json(
      { ...bootView(boot, facts), events: events.map((event) => eventView(event, facts)) },
      200,
    )
  })

  return api
}
