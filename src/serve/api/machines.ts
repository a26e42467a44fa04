import { createRoute, z } from '@hono/zod-openapi'
import {
  planDeleteMachine,
  planPutMachine,
  selectMachine,
  type MachineSelector,
} from '../../core/inventory.ts'
import type { Machine } from '../../core/machine.ts'
import { machineId } from '../../values/ids.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { entityTag, isFresh, meets } from './etag.ts'
import { always, conflict, invalid, problem, problems } from './problem.ts'
import { machineFieldsSchema, machineSchema, machineView } from './schema-machine.ts'
import { preconditionHeaders, selector } from './schema.ts'

const params = z.object({ machine: selector })
const machine = (description: string) => ({
  description,
  content: { 'application/json': { schema: machineSchema } },
})

const list = createRoute({
  method: 'get',
  path: '/machines',
  summary: 'The machines of the inventory',
  request: {
    query: z.object({
      label: z
        .union([z.string(), z.array(z.string())])
        .optional()
        .openapi({ description: '`key=value`, or `key` for any value; all must fit' }),
    }),
  },
  responses: {
    200: {
      description: 'By hostname',
      content: { 'application/json': { schema: z.object({ machines: z.array(machineSchema) }) } },
    },
    ...problems(422, ...always),
  },
})

const get = createRoute({
  method: 'get',
  path: '/machines/{machine}',
  summary: 'One machine',
  request: { params, headers: preconditionHeaders.pick({ 'if-none-match': true }) },
  responses: {
    200: machine('The machine; its ETag is its version'),
    304: { description: 'As the client has it' },
    ...problems(404, 422, ...always),
  },
})

const put = createRoute({
  method: 'put',
  path: '/machines/{machine}',
  summary: 'Add a machine, or replace its record',
  description:
    'Fields that are left out are removed. A hostname in the body that differs from the path renames the machine.',
  request: {
    params,
    headers: preconditionHeaders,
    body: { required: true, content: { 'application/json': { schema: machineFieldsSchema } } },
  },
  responses: {
    200: machine('Changed, or as it was'),
    201: machine('Added'),
    ...problems(400, 409, 412, 413, 415, 422, ...always),
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/machines/{machine}',
  summary: 'Remove a machine from the inventory',
  request: { params, headers: preconditionHeaders },
  responses: { 204: { description: 'Removed' }, ...problems(404, 412, 422, ...always) },
})

export function machineRoutes({ store, clock, random }: ManagementDeps) {
  const api = newApi()

  api.openapi(list, (context) => {
    const { label = [] } = context.req.valid('query')
    const wanted = (Array.isArray(label) ? label : [label]).map(labelFilter)
    const found = [...store.facts.machines()]
      .filter((each) => wanted.every((fits) => fits(each)))
      .sort((a, b) => collator.compare(a.hostname, b.hostname))
    return context.json({ machines: found.map(machineView) }, 200)
  })

  api.openapi(get, (context) => {
    const which = context.req.valid('param').machine
    const found = selectMachine(store.facts, which)
    if (found === undefined) return problem(context, 404, noMachine(which))
    const view = machineView(found)
    context.header('ETag', entityTag(view))
    if (isFresh(context.req.valid('header'), view)) return context.body(null, 304)
    return context.json(view, 200)
  })

  api.openapi(put, async (context) => {
    const freshId = machineId(random(10))
    const fields = context.req.valid('json')
    const precondition = meets(context.req.valid('header'), machineView)
    const result = await store.update((facts) =>
      planPutMachine(facts, {
        selector: context.req.valid('param').machine,
        fields,
        precondition,
        now: clock(),
        freshId,
      }),
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
          'the machine is not as If-Match or If-None-Match says; read it again',
        )
      case 'created':
      case 'updated':
      case 'unchanged': {
        const view = machineView(result.record)
        const location = `/api/v1/machines/${view.hostname}`
        context.header('ETag', entityTag(view))
        context.header('Content-Location', location)
        if (result.outcome !== 'created') return context.json(view, 200)
        context.header('Location', location)
        return context.json(view, 201)
      }
    }
  })

  api.openapi(remove, async (context) => {
    const which = context.req.valid('param').machine
    const precondition = meets(context.req.valid('header'), machineView)
    const { outcome } = await store.update((facts) =>
      planDeleteMachine(facts, { selector: which, precondition }),
    )
    if (outcome === 'not-found') return problem(context, 404, noMachine(which))
    if (outcome === 'precondition-failed') {
      return problem(context, 412, 'the machine is not as If-Match says; read it again')
    }
    return context.body(null, 204)
  })

  return api
}

/** worker-2 comes before worker-10. */
const collator = new Intl.Collator('en', { numeric: true })

function labelFilter(text: string): (machine: Machine) => boolean {
  const [key = '', ...rest] = text.split('=')
  const value = rest.length === 0 ? undefined : rest.join('=')
  return ({ labels }) =>
    Object.hasOwn(labels, key) && (value === undefined || labels[key] === value)
}

export const noMachine = (which: MachineSelector): string =>
  which.by === 'mac'
    ? `no machine has the MAC ${which.mac}`
    : `there is no machine '${which.hostname}'`
