import { createRoute, z } from '@hono/zod-openapi'
import { planImport, type ImportRow } from '../../core/inventory-import.ts'
import { machineId } from '../../values/ids.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { always, problem, problems } from './problem.ts'
import { machineFieldsSchema } from './schema-machine.ts'
import { fieldsOf, hostname } from './schema.ts'

const rowSchema = machineFieldsSchema
  .partial()
  .extend({ hostname, labels: machineFieldsSchema.shape.labels.removeDefault().optional() })
  .openapi('ImportRow')

const importedSchema = z
  .object({ created: z.int(), updated: z.int(), unchanged: z.int() })
  .openapi('Imported')
export type ImportedView = z.infer<typeof importedSchema>

const importMachines = createRoute({
  method: 'post',
  path: '/machines/import',
  summary: 'Add or change many machines, all or none',
  description: 'What a row leaves out stays as it is on a machine that exists already.',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: fieldsOf('an import', {
            machines: z.array(rowSchema).min(1).max(10_000),
          }).openapi('MachineImport'),
        },
      },
    },
  },
  responses: {
    200: {
      description: 'All of them',
      content: { 'application/json': { schema: importedSchema } },
    },
    ...problems(400, 409, 413, 415, 422, ...always),
  },
})

export function machineImportRoutes({ store, clock, random }: ManagementDeps) {
  const api = newApi()
  api.openapi(importMachines, async (context) => {
    const rows = context.req.valid('json').machines.map(withoutUndefined)
    const ids = rows.map(() => machineId(random(10)))
    const result = await store.update((facts) => planImport(facts, rows, ids, clock()))
    if (result.outcome === 'imported') {
      const { created, updated, unchanged } = result
      return context.json({ created, updated, unchanged }, 200)
    }
    const { problems: errors, conflicts } = result
    const count = errors.length + conflicts.length
    return problem(context, conflicts.length > 0 ? 409 : 422, {
      detail: `${count} of the values cannot be used, and nothing was changed`,
      errors: [...errors, ...conflicts].map((each) => ({
        field: each.field,
        problem: each.problem,
      })),
      conflicts: conflicts.map(({ field, value, holder }) => ({ field, value, holder })),
    })
  })
  return api
}

type Row = z.infer<typeof rowSchema>

/** To leave a field out is to leave it alone. */
function withoutUndefined({ hostname: name, macs, labels, ...optional }: Row): ImportRow {
  return {
    hostname: name,
    ...(macs === undefined ? {} : { macs }),
    ...(labels === undefined ? {} : { labels }),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  }
}
