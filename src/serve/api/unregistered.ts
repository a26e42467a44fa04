import { createRoute, z } from '@hono/zod-openapi'
import { formatIpv4 } from '../../values/ipv4.ts'
import { formatTime } from '../../values/time.ts'
import type { Stranger } from '../strangers.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { always, problems } from './problem.ts'
import { time } from './schema.ts'

const strangerSchema = z
  .object({
    mac: z.string(),
    firstSeen: time,
    lastSeen: time,
    client: z
      .enum(['pxe', 'uefi-http', 'ipxe', 'system'])
      .optional()
      .openapi({ description: 'what spoke' }),
    arch: z.int().optional().openapi({ description: 'DHCP option 93' }),
    subnet: z.string().optional(),
    address: z.string().optional(),
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
      content: {
        'application/json': { schema: z.object({ unregistered: z.array(strangerSchema) }) },
      },
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
  ...(stranger.kind === undefined ? {} : { client: stranger.kind }),
  ...(stranger.arch === undefined ? {} : { arch: stranger.arch }),
  ...(stranger.subnet === undefined ? {} : { subnet: stranger.subnet }),
  ...(stranger.address === undefined ? {} : { address: formatIpv4(stranger.address) }),
})
