import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import {
  ownedByGroup,
  ownedByMachine,
  parseBootstrapToken,
  storedTokenRecord,
  type StoredToken,
} from '../../core/boot-token.ts'
import { planForgetToken, planStoreToken } from '../../core/inventory-stored-tokens.ts'
import { selectMachine } from '../../core/inventory.ts'
import { closedVault } from '../../store/vault.ts'
import type { MachineId } from '../../values/ids.ts'
import { epochMs, formatTime } from '../../values/time.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { noMachine } from './machines.ts'
import { always, problem, problems } from './problem.ts'
import { parsedBy, selector, time } from './schema.ts'

const storedSchema = z
  .object({
    id: z.string().openapi({ description: 'the six characters before the dot; no secret' }),
    expires: time.optional(),
    updated: time,
  })
  .openapi('StoredToken')
export type StoredTokenView = z.infer<typeof storedSchema>

const fields = z
  .strictObject({
    token: parsedBy(parseBootstrapToken, {
      example: 'abcdef.0123456789abcdef',
      description: 'write only: it is sealed, and goes to its machine and nowhere else',
    }),
    expires: z.iso
      .datetime({ offset: true })
      .optional()
      .openapi({ description: "when the cluster's Secret expires" }),
  })
  .openapi('StoredTokenFields')

const answer = (description: string) => ({
  description,
  content: { 'application/json': { schema: storedSchema } },
})
const body = { required: true, content: { 'application/json': { schema: fields } } }

const ofMachine = z.object({ machine: selector })
const ofGroup = z.object({ group: z.string().max(63) })

const routesFor = <P extends typeof ofMachine | typeof ofGroup>(
  path: string,
  params: P,
  of: string,
) => ({
  get: createRoute({
    method: 'get',
    path,
    summary: `Which bootstrap token is stored for ${of}`,
    request: { params },
    responses: { 200: answer('All but its secret'), ...problems(404, 422, ...always) },
  }),
  put: createRoute({
    method: 'put',
    path,
    summary: `Store a bootstrap token for ${of}; it cannot be read back`,
    request: { params, body },
    responses: {
      200: answer('Replaced'),
      201: answer('Stored'),
      ...problems(400, 404, 413, 415, 422, ...always),
    },
  }),
  remove: createRoute({
    method: 'delete',
    path,
    summary: `Forget the bootstrap token of ${of}`,
    request: { params },
    responses: { 204: { description: 'Forgotten' }, ...problems(404, 422, ...always) },
  }),
})

const machineToken = routesFor('/machines/{machine}/token', ofMachine, 'a machine')
const groupToken = routesFor('/groups/{group}/token', ofGroup, 'a group')

type Owner = { readonly owner: string; readonly machine?: MachineId }

export function storedTokenRoutes(deps: ManagementDeps) {
  const { store, clock, groups = [], vault = closedVault('there is no key') } = deps
  const api = newApi()

  const ownerOfMachine = (which: z.infer<typeof ofMachine>['machine']): Owner | string => {
    const found = selectMachine(store.facts, which)
    return found ? { owner: ownedByMachine(found.id), machine: found.id } : noMachine(which)
  }
  const ownerOfGroup = (name: string): Owner | string =>
    groups.some((group) => group.name === name)
      ? { owner: ownedByGroup(name) }
      : `there is no group '${name}'; groups are in the configuration`

  const get = (context: Context, owner: Owner | string) => {
    if (typeof owner === 'string') return problem(context, 404, owner)
    const token = store.facts.storedToken(owner.owner)
    if (token === undefined) return problem(context, 404, 'no token is stored')
    return context.json(view(token), 200)
  }

  const put = async (context: Context, to: Owner | string, given: z.infer<typeof fields>) => {
    if (typeof to === 'string') return problem(context, 404, to)
    const { id, secret } = given.token
    const { owner } = to
    const sealed = vault.seal(secret, storedTokenRecord({ owner, id }))
    if (!sealed.ok) return problem(context, 503, `nothing can be sealed: ${sealed.problem}`)
    const { expires } = given
    const token: StoredToken = {
      ...{ owner, id, secret: sealed.value, updated: clock() },
      ...(expires === undefined ? {} : { expires: epochMs(Date.parse(expires)) }),
    }
    const outcome = await store.update((facts) => planStoreToken(facts, token, to.machine))
    return context.json(view(token), outcome === 'created' ? 201 : 200)
  }

  const remove = async (context: Context, from: Owner | string) => {
    if (typeof from === 'string') return problem(context, 404, from)
    const outcome = await store.update((facts) => planForgetToken(facts, from.owner, clock()))
    if (outcome === 'not-found') return problem(context, 404, 'no token is stored')
    return context.body(null, 204)
  }

  api.openapi(machineToken.get, (c) => get(c, ownerOfMachine(c.req.valid('param').machine)))
  api.openapi(machineToken.put, (c) =>
    put(c, ownerOfMachine(c.req.valid('param').machine), c.req.valid('json')),
  )
  api.openapi(machineToken.remove, (c) => remove(c, ownerOfMachine(c.req.valid('param').machine)))
  api.openapi(groupToken.get, (c) => get(c, ownerOfGroup(c.req.valid('param').group)))
  api.openapi(groupToken.put, (c) =>
    put(c, ownerOfGroup(c.req.valid('param').group), c.req.valid('json')),
  )
  api.openapi(groupToken.remove, (c) => remove(c, ownerOfGroup(c.req.valid('param').group)))
  return api
}

export const view = ({ id, expires, updated }: StoredToken): StoredTokenView => ({
  id,
  ...(expires === undefined ? {} : { expires: formatTime(expires) }),
  updated: formatTime(updated),
})
