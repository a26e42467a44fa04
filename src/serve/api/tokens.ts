import { createRoute, z } from '@hono/zod-openapi'
import type { ApiToken } from '../../core/api-token.ts'
import { planAddToken, planRevokeToken } from '../../core/inventory-tokens.ts'
import type { TokenId } from '../../values/ids.ts'
import { formatTime } from '../../values/time.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { always, problem, problems } from './problem.ts'
import { fieldsOf, time } from './schema.ts'
import { mintApiToken } from './token-text.ts'

const tokenSchema = z
  .object({
    id: z.string().openapi({ description: 'names the token; no secret' }),
    name: z.string(),
    created: time,
  })
  .openapi('Token')
export type TokenView = z.infer<typeof tokenSchema>

const mintedSchema = tokenSchema
  .extend({ token: z.string().openapi({ description: 'the secret itself; never shown again' }) })
  .openapi('MintedToken')
export type MintedToken = z.infer<typeof mintedSchema>

const list = createRoute({
  method: 'get',
  path: '/tokens',
  summary: 'The API tokens',
  responses: {
    200: {
      description: 'By age',
      content: { 'application/json': { schema: z.object({ tokens: z.array(tokenSchema) }) } },
    },
    ...problems(...always),
  },
})

const create = createRoute({
  method: 'post',
  path: '/tokens',
  summary: 'Make an API token',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: fieldsOf('a token', {
            name: z.string().trim().min(1).max(64).openapi({ example: 'ci' }),
          }).openapi('TokenFields'),
        },
      },
    },
  },
  responses: {
    201: {
      description: 'The only time that the token is shown',
      content: { 'application/json': { schema: mintedSchema } },
    },
    ...problems(400, 409, 413, 415, 422, ...always),
  },
})

const revoke = createRoute({
  method: 'delete',
  path: '/tokens/{id}',
  summary: 'Revoke an API token',
  request: { params: z.object({ id: z.string().max(64) }) },
  responses: { 204: { description: 'Revoked' }, ...problems(404, 409, 422, ...always) },
})

export function tokenRoutes({ store, clock, random }: ManagementDeps) {
  const api = newApi()

  api.openapi(list, (context) => {
    const tokens = [...store.facts.apiTokens()].sort((a, b) => a.created - b.created)
    return context.json({ tokens: tokens.map(view) }, 200)
  })

  api.openapi(create, async (context) => {
    const { name } = context.req.valid('json')
    const { token, text } = mintApiToken(name, random, clock())
    const result = await store.update((facts) => planAddToken(facts, token))
    if (result === 'name-taken') {
      return problem(
        context,
        409,
        `there is an API token '${name}' already: take another name, or revoke that one first`,
      )
    }
    context.header('Cache-Control', 'no-store')
    return context.json({ ...view(token), token: text }, 201)
  })

  api.openapi(revoke, async (context) => {
    const { id } = context.req.valid('param')
    const result = await store.update((facts) => planRevokeToken(facts, id as TokenId))
    switch (result) {
      case 'not-found':
        return problem(context, 404, `there is no API token '${id}'`)
      case 'is-last':
        return problem(context, 409, 'it is the last API token: make another one first')
      case 'revoked':
        return context.body(null, 204)
    }
  })

  return api
}

const view = ({ id, name, created }: ApiToken): TokenView => ({
  id,
  name,
  created: formatTime(created),
})
