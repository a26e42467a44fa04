import { expect, test } from 'vitest'
import { StoreError, type Store } from '../../../src/store/store.ts'
import { macOf, management } from './management.ts'

test('nothing of the API answers without a valid token', async () => {
  const { app, token } = await management()
  const ask = (path: string, authorization?: string) =>
    app.request(path, { headers: authorization === undefined ? {} : { authorization } })
  for (const path of ['/api/v1/machines', '/api/v1/openapi.json', '/api/v1/nothing', '/metrics']) {
    const none = await ask(path)
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="rollcall"',
    ])
    expect(none.headers.get('content-type')).toBe('application/problem+json')
  }
  const wrong = await ask('/api/v1/machines', `Bearer ${token}x`)
  expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([
    401,
    'Bearer realm="rollcall", error="invalid_token"',
  ])
  expect((await ask('/api/v1/machines', `Basic ${token}`)).status).toBe(401)
  expect((await ask('/api/v1/machines', `bearer  ${token}`)).status).toBe(200)
})

test('the health of the server is no secret', async () => {
  let ready = false
  const { app } = await management({ ready: () => ready })
  expect(await (await app.request('/healthz')).text()).toBe('ok\n')
  expect((await app.request('/readyz')).status).toBe(503)
  ready = true
  expect((await app.request('/readyz')).status).toBe(200)
})

test('metrics need a token as well', async () => {
  const metrics = { contentType: 'text/plain; version=0.0.4', metrics: async () => 'up 1\n' }
  const { app, token } = await management({ metrics })
  const headers = { authorization: `Bearer ${token}` }
  const answer = await app.request('/metrics', { headers })
  expect(answer.headers.get('content-type')).toBe(metrics.contentType)
  expect(await answer.text()).toBe('up 1\n')
})

test('what is not there, and what is not done there', async () => {
  const { call } = await management()
  const nothing = await call('GET', '/nothing')
  expect(nothing.status).toBe(404)
  expect(await nothing.json()).toMatchObject({ detail: 'there is nothing at /api/v1/nothing' })
  const wrong = await call('POST', '/machines/one', {})
  expect(wrong.status).toBe(405)
  expect(wrong.headers.get('allow')).toBe('GET, HEAD, PUT, DELETE')
  expect(wrong.headers.get('content-type')).toBe('application/problem+json')
})

const utf8 = (text: string) => new TextEncoder().encode(text)

test.for([
  ['cut off', utf8('{"macs": ['), 400],
  ['empty', utf8(''), 400],
  ['not UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 400],
  ['UTF-16', new Uint8Array(Buffer.from('{"macs":[]}', 'utf16le')), 400],
  ['huge', utf8(`{"serial": "${'x'.repeat(4 * 1024 ** 2)}"}`), 413],
] as const)('a body that is %s', async ([, body, status]) => {
  const { call, logged } = await management()
  const refused = await call('PUT', '/machines/one', body)
  expect(refused.status).toBe(status)
  expect(refused.headers.get('content-type')).toBe('application/problem+json')
  expect(logged).toEqual([])
})

test('a huge body that does not say its size is not read to its end', async () => {
  const { app, token } = await management()
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 1
      controller.enqueue(new Uint8Array(65_536).fill(0x20))
    },
  })
  const init: RequestInit & { duplex: 'half' } = {
    method: 'PUT',
    body,
    duplex: 'half',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  }
  expect((await app.request('/api/v1/machines/one', init)).status).toBe(413)
  expect(sent).toBeLessThan(100)
})

test.for([
  ['text/plain', 415],
  ['application/x-www-form-urlencoded', 415],
  ['application/json; charset=utf-8', 201],
] as const)('a body as %s', async ([type, status]) => {
  const { call } = await management()
  const body = JSON.stringify({ macs: [macOf(1)] })
  const answer = await call('PUT', '/machines/one', body, { 'content-type': type })
  expect(answer.status).toBe(status)
})

/** A store that decides, and then can keep nothing. */
const failing =
  (error: Error) =>
  (store: Store): Store => ({
    get facts() {
      return store.facts
    },
    update: async () => {
      throw error
    },
    boots: (query) => store.boots(query),
    boot: (id) => store.boot(id),
    events: (query) => store.events(query),
    audit: (query) => store.audit(query),
    subscribe: (listener) => store.subscribe(listener),
    prune: (keepBoots) => store.prune(keepBoots),
    close: () => store.close(),
  })

test.for([
  ['the store fails', new StoreError('nothing was stored: disk full'), 503, 'disk full'],
  ['there is a bug', new TypeError('secret is undefined'), 500, 'has logged'],
] as const)('when %s the answer is a problem too', async ([, error, status, words]) => {
  const { call, logged } = await management({}, failing(error))
  const failed = await call('PUT', '/machines/one', { macs: [macOf(1)] })
  expect(failed.status).toBe(status)
  const { detail } = (await failed.json()) as { detail: string }
  expect(detail).toContain(words)
  expect(detail).not.toContain('secret')
  expect(logged).toMatchObject([{ err: error, path: '/api/v1/machines/one' }])
})
