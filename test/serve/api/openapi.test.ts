import { expect, test } from 'vitest'
import { management } from './management.ts'

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema?: object }> }>
  readonly summary?: string
  readonly parameters?: readonly { name: string; in: string; required?: boolean }[]
  readonly requestBody?: { readonly content: object; readonly required?: boolean }
}

interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, object> }
}

async function read() {
  const { app, call } = await management()
  const answer = await call('GET', '/openapi.json')
  expect(answer.status).toBe(200)
  const text = await answer.text()
  return { app, text, document: JSON.parse(text) as Document }
}

test('every route of the API is in the document, and nothing else', async () => {
  const { app, document } = await read()
  const served = app.routes
    .filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/v1/'))
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    .filter((route) => route !== 'GET /api/v1/openapi.json')
  const written = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect([...new Set(served)].sort()).toEqual(written.sort())
  expect(written.length).toBeGreaterThan(20)
})

test('it is OpenAPI 3.1, and whatever it refers to is there', async () => {
  const { text, document } = await read()
  expect(document.openapi).toBe('3.1.0')
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
  expect(references.length).toBeGreaterThan(20)
  for (const [, name] of references) expect(document.components.schemas).toHaveProperty([name!])
})

test('every operation says what it takes and what it answers, its failures too', async () => {
  const { document } = await read()
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const wrong = (isRight: (each: (typeof operations)[number]) => boolean) =>
    operations.filter((each) => !isRight(each)).map(({ method, path }) => `${method} ${path}`)

  expect(wrong(({ operation }) => Boolean(operation.summary))).toEqual([])
  expect(
    wrong(({ operation: { responses } }) => {
      const statuses = Object.keys(responses)
      return (
        ['401', '500', '503'].every((status) => statuses.includes(status)) &&
        statuses.some((status) => status.startsWith('2'))
      )
    }),
  ).toEqual([])
  expect(
    wrong(({ operation }) =>
      Object.entries(operation.responses).every(
        ([status, { content }]) =>
          (content?.['application/problem+json'] !== undefined) === Number(status) >= 400,
      ),
    ),
  ).toEqual([])
  expect(
    wrong(({ path, operation: { parameters = [] } }) =>
      [...path.matchAll(/\{(\w+)\}/g)].every(([, name]) =>
        parameters.some((each) => each.name === name && each.in === 'path' && each.required),
      ),
    ),
  ).toEqual([])
  expect(
    wrong(
      ({ method, operation }) =>
        !['put', 'post'].includes(method) || operation.requestBody?.required === true,
    ),
  ).toEqual([])
})
