import { createRoute, z } from '@hono/zod-openapi'
import { planDeleteSubnet, planPutSubnet } from '../../core/inventory-subnets.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { entityTag, isFresh, meets } from './etag.ts'
import { always, conflict, invalid, problem, problems } from './problem.ts'
import { subnetFieldsSchema, subnetSchema, subnetView } from './schema-subnet.ts'
import { preconditionHeaders, subnetName } from './schema.ts'

const params = z.object({ name: subnetName })
const subnet = (description: string) => ({
  description,
  content: { 'application/json': { schema: subnetSchema } },
})

const list = createRoute({
  method: 'get',
  path: '/subnets',
  summary: 'The subnets that are served',
  responses: {
    200: {
      description: 'By network',
      content: { 'application/json': { schema: z.object({ subnets: z.array(subnetSchema) }) } },
    },
    ...problems(...always),
  },
})

const get = createRoute({
  method: 'get',
  path: '/subnets/{name}',
  summary: 'One subnet',
  request: { params, headers: preconditionHeaders.pick({ 'if-none-match': true }) },
  responses: {
    200: subnet('The subnet; its ETag is its version'),
    304: { description: 'As the client has it' },
    ...problems(404, 422, ...always),
  },
})

const put = createRoute({
  method: 'put',
  path: '/subnets/{name}',
  summary: 'Add a subnet, or replace it',
  request: {
    params,
    headers: preconditionHeaders,
    body: { required: true, content: { 'application/json': { schema: subnetFieldsSchema } } },
  },
  responses: {
    200: subnet('Changed, or as it was'),
    201: subnet('Added'),
    ...problems(400, 409, 412, 413, 415, 422, ...always),
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/subnets/{name}',
  summary: 'Remove a subnet and its leases',
  request: { params, headers: preconditionHeaders },
  responses: { 204: { description: 'Removed' }, ...problems(404, 409, 412, 422, ...always) },
})

export function subnetRoutes({ store }: ManagementDeps) {
  const api = newApi()

  api.openapi(list, (context) => {
    const subnets = [...store.facts.subnets()].sort((a, b) => a.network.base - b.network.base)
    return context.json({ subnets: subnets.map(subnetView) }, 200)
  })

  api.openapi(get, (context) => {
    const { name } = context.req.valid('param')
    const found = store.facts.subnet(name)
    if (found === undefined) return problem(context, 404, `there is no subnet '${name}'`)
    const view = subnetView(found)
    context.header('ETag', entityTag(view))
    if (isFresh(context.req.valid('header'), view)) return context.body(null, 304)
    return context.json(view, 200)
  })

  api.openapi(put, async (context) => {
    const { name } = context.req.valid('param')
    const fields = context.req.valid('json')
    const precondition = meets(context.req.valid('header'), subnetView)
    const result = await store.update((facts) =>
      planPutSubnet(facts, { name, fields, precondition }),
    )
    switch (result.outcome) {
      case 'invalid':
        return invalid(context, result.problems)
      case 'conflict':
        return conflict(context, result.conflicts)
      case 'precondition-failed':
        return problem(
          context,
          412,
          'the subnet is not as If-Match or If-None-Match says; read it again',
        )
      case 'created':
      case 'updated':
      case 'unchanged': {
        const view = subnetView(result.record)
        context.header('ETag', entityTag(view))
        if (result.outcome !== 'created') return context.json(view, 200)
        context.header('Location', `/api/v1/subnets/${name}`)
        return context.json(view, 201)
      }
    }
  })

  api.openapi(remove, async (context) => {
    const { name } = context.req.valid('param')
    const precondition = meets(context.req.valid('header'), subnetView)
    const result = await store.update((facts) => planDeleteSubnet(facts, { name, precondition }))
    switch (result.outcome) {
      case 'not-found':
        return problem(context, 404, `there is no subnet '${name}'`)
      case 'conflict':
        return conflict(context, result.conflicts)
      case 'precondition-failed':
        return problem(context, 412, 'the subnet is not as If-Match says; read it again')
      case 'deleted':
        return context.body(null, 204)
    }
  })

  return api
}
