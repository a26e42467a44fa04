import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { macOf } from '../serve/api/management.ts'
import { group, secret, tokenId, vault, whole } from '../serve/token-scene.ts'
import { rollcall } from './rollcall.ts'

test('a token is stored from a file, shown in the audit, and forgotten', async () => {
  const { run, call, file } = await rollcall({ groups: [group()], vault })
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  const from = file('token', `${whole}\n`)
  expect((await run('audit')).out).toBe('nothing was given or refused yet\n')
  const set = await run('token', 'set', 'w1', '--from', from, '--expires', '24h')
  expect(set).toEqual({ status: 0, out: `token ${tokenId} stored for w1\n`, err: '' })
  const audit = await run('audit', '--machine', 'w1', '--token', tokenId)
  expect(audit.out).toMatch(/token\.stored +w1 +abc123/)
  expect(audit.out).not.toContain(secret)
  expect((await run('token', 'unset', 'w1')).out).toBe('the token of w1 is forgotten\n')
  const nobody = await run('token', 'set', '--from', from)
  expect([nobody.status, nobody.err]).toEqual([1, 'rollcall: name a machine, or give --group\n'])
})

test('the manifests of a group are Secrets, one a machine, each for its own', async () => {
  const { run, call, store } = await rollcall({ groups: [group()], vault })
  await call('PUT', '/machines/w1', { macs: [macOf(1)] })
  await call('PUT', '/machines/w2', { macs: [macOf(2)] })
  const { out } = await run('token', 'manifest', '--group', 'workers', '--expires', '24h')
  const secrets = parseAllDocuments(out).map((document) => document.toJS())
  expect(secrets).toHaveLength(2)
  for (const each of secrets) {
    expect(each).toMatchObject({
      kind: 'Secret',
      type: 'bootstrap.kubernetes.io/token',
      metadata: { namespace: 'kube-system' },
      stringData: {
        'token-id': expect.stringMatching(/^[a-z0-9]{6}$/),
        'token-secret': expect.stringMatching(/^[a-z0-9]{16}$/),
        expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:rollcall',
      },
    })
    expect(each.metadata.name).toBe(`bootstrap-token-${each.stringData['token-id']}`)
  }
  const stored = [...store.facts.storedTokens()].map(({ id }) => id as string)
  expect(new Set(stored)).toEqual(new Set(secrets.map((each) => each.stringData['token-id'])))
})

test('a key is made once, and readable by its owner only', async () => {
  const { run, directory } = await rollcall()
  const path = join(directory, 'key')
  expect((await run('key', 'generate', path)).status).toBe(0)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const before = readFileSync(path, 'utf8')
  expect(Buffer.from(before, 'base64')).toHaveLength(32)
  expect((await run('key', 'generate', path)).status).toBe(1)
  expect(readFileSync(path, 'utf8')).toBe(before)
})
