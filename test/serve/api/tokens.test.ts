import { expect, test } from 'vitest'
import { management } from './management.ts'

test('a token is shown once, works, and is revoked', async () => {
  const { app, call, directory: _, ...api } = await management()
  const created = await call('POST', '/tokens', { name: ' ci ' })
  expect(created.status).toBe(201)
  expect(created.headers.get('cache-control')).toBe('no-store')
  const { id, token, ...rest } = (await created.json()) as { id: string; token: string }
  expect(token).toMatch(/^rollcall_[\w-]{43}$/)
  expect(rest).toEqual({ name: 'ci', created: '2026-11-22T12:00:00.000Z' })

  const list = await (await call('GET', '/tokens')).text()
  expect(JSON.parse(list)).toMatchObject({ tokens: [{ name: 'test' }, { id, name: 'ci' }] })
  expect(list).not.toContain(token)
  expect(JSON.stringify([...api.store.facts.apiTokens()])).not.toContain(token)

  const withIt = () =>
    app.request('/api/v1/machines', { headers: { authorization: `Bearer ${token}` } })
  expect((await withIt()).status).toBe(200)
  expect((await call('DELETE', `/tokens/${id}`)).status).toBe(204)
  expect((await withIt()).status).toBe(401)
  expect((await call('DELETE', `/tokens/${id}`)).status).toBe(404)
})

test('two tokens of one name could not be told apart', async () => {
  const { call } = await management()
  expect((await call('POST', '/tokens', { name: 'ci' })).status).toBe(201)
  const refused = await call('POST', '/tokens', { name: 'ci ' })
  expect(refused.status).toBe(409)
  expect(await refused.json()).toMatchObject({
    detail: "there is an API token 'ci' already: take another name, or revoke that one first",
  })
})

test('the last token stays', async () => {
  const { call } = await management()
  const { tokens } = (await (await call('GET', '/tokens')).json()) as { tokens: { id: string }[] }
  const refused = await call('DELETE', `/tokens/${tokens[0]?.id}`)
  expect(refused.status).toBe(409)
  expect((await call('GET', '/tokens')).status).toBe(200)
})

test.for([{}, { name: '' }, { name: '  ' }, { name: 'x'.repeat(65) }])(
  'a token needs a name: %j',
  async (body) => {
    const { call } = await management()
    const refused = await call('POST', '/tokens', body)
    expect(refused.status).toBe(422)
    expect(await refused.json()).toMatchObject({ errors: [{ field: 'name' }] })
  },
)
