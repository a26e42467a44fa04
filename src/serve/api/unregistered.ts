import { createRoute, z } from '@hono/zod-openapi'
import type { Facts } from '../../core/facts.ts'
import { formatIpv4 } from '../../values/ipv4.ts'
import { formatTime, type EpochMs } from '../../values/time.ts'
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
    noAddress: z
      .enum(['ignored', 'pool-empty'])
      .optional()
      .openapi({ description: 'why its subnet gives it no address' }),
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

export function unregisteredRoutes({ store, clock, strangers = () => [] }: ManagementDeps) {
  const api = newApi()
  api.openapi(list, (context) => {
    // Who was added to the inventory since is no stranger any more.
    const unknown = [...strangers()].filter(({ mac }) => !store.facts.machineByMac(mac))
    unknown.sort((a, b) => b.lastSeen - a.lastSeen)
    const now = clock()
    return context.json(
      { unregistered: unknown.map((stranger) => view(stranger, store.facts, now)) },
      200,
    )
  })
  return api
}

/** As things stand now: what was wrong when the machine asked may be mended since. */
function noAddress(
  { subnet: name, address }: Stranger,
  facts: Facts,
  now: EpochMs,
): StrangerView['noAddress'] {
  const subnet = name === undefined ? undefined : facts.subnet(name)
  if (subnet === undefined || address !== undefined) return undefined
  if (subnet.unregistered === 'ignore') return 'ignored'
  const isFree = facts.unusedAddress(subnet, now) ?? facts.oldestExpired(subnet, now)
  return isFree === undefined ? 'pool-empty' : undefined
}

function view(stranger: Stranger, facts: Facts, now: EpochMs): StrangerView {
  const reason = noAddress(stranger, facts, now)
  return {
    mac: stranger.mac,
    firstSeen: formatTime(stranger.firstSeen),
    lastSeen: formatTime(stranger.lastSeen),
    ...(stranger.kind === undefined ? {} : { client: stranger.kind }),
    ...(stranger.arch === undefined ? {} : { arch: stranger.arch }),
    ...(stranger.subnet === undefined ? {} : { subnet: stranger.subnet }),
    ...(stranger.address === undefined ? {} : { address: formatIpv4(stranger.address) }),
    ...(reason === undefined ? {} : { noAddress: reason }),
  }
}
