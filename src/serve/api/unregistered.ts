import { createRoute, z } from '@hono/zod-openapi'
import { formatIpv4 } from '../../values/ipv4.ts'
import { formatTime } from '../../values/time.ts'
import { newApi, type ManagementDeps, type Stranger } from './context.ts'
import { always, problems } from './problem.ts'
import { time } from './schema.ts'

const strangerSchema = z
  .object({
    mac: z.string(),
    firstSeen: time,
    lastSeen: time,
    subnet: z.string().optional(),
    relay: z.string().optional(),
    arch: z.int().optional().openapi({ description: 'DHCP option 93' }),
  })
  .openapi('Stranger')
export type StrangerView = z.infer<typeof strangerSchema>

const list = createRoute({
  method: 'get',
  path: '/unregistered',
  summary: 'MACs that asked for something and that no machine has',
  responses: {
    200: {
      description: 'The latest first',
      content: { 'application/json': { schema: z.object({ unregistered: z.array(strangerSchema) }) } },
    },
    ...problems(...always),
  },
})

export function unregisteredRoutes({ store, strangers = () => [] }: ManagementDeps) {
  const api = newApi()
  api.openapi(list, (context) => {
    // Who was added to the inventory since is no stranger any more.
    const unknown = [...strangers()].filter(({ mac }) => !store.facts.machineByMac(mac))
    unknown.sort((a, b) => b.lastSeen - a.lastSeen)
    return context.json({ unregistered: unknown.map(view) }, 200)
  })
  return api
}

const view = (stranger: Stranger): StrangerView => ({
  mac: stranger.mac,
  firstSeen: formatTime(stranger.firstSeen),
  lastSeen: formatTime(stranger.lastSeen),
  ...(stranger.subnet === undefined ? {} : { subnet: stranger.subnet }),
  ...(stranger.relay === undefined ? {} : { relay: formatIpv4(stranger.relay) }),
  ...(stranger.arch === undefined ? {} : { arch: stranger.arch }),
})
