import { expect, test } from 'vitest'
import { group, secret, tokenId, vault, whole } from '../token-scene.ts'
import { macOf, management } from './management.ts'

const scene = () => management({ groups: [group()], vault })

test('a token goes in, and only its id comes out', async () => {
  const { call, store } = await scene()
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  const path = '/machines/w1/token'
  expect((await call('GET', path)).status).toBe(404)
  const expires = '2026-12-01T00:00:00Z'
  const put = await call('PUT', path, { token: whole, expires })
  expect(put.status).toBe(201)
  expect(await put.json()).toEqual({
    id: tokenId,
    expires: '2026-12-01T00:00:00.000Z',
    updated: '2026-11-22T12:00:00.000Z',
  })
  const got = await call('GET', path)
  expect(got.status).toBe(200)
  expect(await got.text()).not.toContain(secret)
  expect(JSON.stringify([...store.facts.storedTokens()])).not.toContain(secret)
  expect((await call('PUT', path, { token: whole })).status).toBe(200)
  expect((await call('DELETE', path)).status).toBe(204)
  expect((await call('DELETE', path)).status).toBe(404)
  const audit = await (await call('GET', '/audit?machine=w1')).json()
  expect(audit).toMatchObject({
    entries: [
      { kind: 'token.stored', token: tokenId, machine: 'w1' },
      { kind: 'token.stored', token: tokenId, machine: 'w1' },
    ],
  })
  const byToken = (await (await call('GET', `/audit?token=${tokenId}`)).json()) as {
    entries: unknown[]
  }
  expect(byToken.entries).toHaveLength(3)
})

test('a group has one too', async () => {
  const { call } = await scene()
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  expect((await call('PUT', '/groups/workers/token', { token: whole })).status).toBe(201)
  expect((await call('PUT', '/groups/others/token', { token: whole })).status).toBe(404)
  const groups = await (await call('GET', '/groups')).text()
  expect(JSON.parse(groups)).toMatchObject({
    groups: [{ name: 'workers', machines: ['w1'], storedToken: { id: tokenId }, token: 'stored' }],
  })
  expect(groups).not.toContain(secret)
})

test('what is no token is not repeated in the answer', async () => {
  const { call } = await scene()
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  const slip = whole.toUpperCase()
  const answer = await call('PUT', '/machines/w1/token', { token: slip })
  expect(answer.status).toBe(422)
  const text = await answer.text()
  expect(text).toContain('is not a bootstrap token')
  expect(text).not.toContain(slip.slice(7))
})

test('without a key nothing is stored, and the status says what works', async () => {
  const { call, store } = await management({ groups: [group()] })
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  const answer = await call('PUT', '/machines/w1/token', { token: whole })
  expect(answer.status).toBe(503)
  expect(await answer.text()).toContain('there is no key')
  expect([...store.facts.storedTokens()]).toEqual([])
  expect(await (await call('GET', '/status')).json()).toMatchObject({
    secrets: { state: 'none', sealed: 0, problem: expect.stringMatching(/images and boots work/) },
  })
})

test('a machine that leaves takes its token with it', async () => {
  const { call, store } = await scene()
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  await call('PUT', '/machines/w1/token', { token: whole })
  await call('DELETE', '/machines/w1')
  expect([...store.facts.storedTokens()]).toEqual([])
})
