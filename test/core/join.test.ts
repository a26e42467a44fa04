import { describe, expect, test } from 'vitest'
import type { BootToken, BootstrapTokenId, TokenState } from '../../src/core/boot-token.ts'
import type { Boot } from '../../src/core/boot.ts'
import { judgeCsr, type JoinFacts } from '../../src/core/join.ts'
import { kubeletSigner, type ParsedCsr, type Pkcs10 } from '../../src/core/join-request.ts'
import type { BootId } from '../../src/values/ids.ts'
import { epochMs } from '../../src/values/time.ts'
import { machine, macNumber } from '../support/inventory.ts'

const id = (text: string) => text as BootstrapTokenId
const hour = 3_600_000
const now = epochMs(10 * hour)
const r1 = machine('r1', { macs: [macNumber(1)] })
const r2 = machine('r2', { macs: [macNumber(2)] })

const boot = (fields: Partial<Boot> = {}): Boot => ({
  id: 'b1' as BootId,
  machine: r1.id,
  mac: macNumber(1),
  stage: 'up',
  outcome: 'up',
  opened: epochMs(now - 60_000),
  updated: now,
  events: 9,
  ...fields,
})

const token = (fields: Partial<BootToken> = {}): BootToken => ({
  boot: 'b1' as BootId,
  machine: r1.id,
  hostname: r1.hostname,
  source: 'minted',
  state: 'sent',
  id: id('aaaaaa'),
  expires: epochMs(now + 600_000),
  inCluster: true,
  ...fields,
})

function factsOf(boots: readonly Boot[], tokens: readonly BootToken[]): JoinFacts {
  const machines = [r1, r2]
  return {
    machine: (id) => machines.find((machine) => machine.id === id),
    machineByHostname: (name) => machines.find(({ hostname }) => hostname === name),
    latestBoot: (machine) => boots.findLast((boot) => boot.machine === machine),
    bootToken: (boot) => tokens.find((token) => token.boot === boot),
    bootTokensById: (id) => tokens.filter((token) => token.id === id),
  }
}

const r2Boot = boot({ id: 'b2' as BootId, machine: r2.id, mac: macNumber(2) })
const r2Token = token({
  boot: r2Boot.id,
  machine: r2.id,
  hostname: r2.hostname,
  id: id('bbbbbb'),
})
const facts = factsOf([boot(), r2Boot], [token(), r2Token])

type Good = Extract<Pkcs10, { ok: true }>
const content: Good = {
  ok: true,
  subject: [
    { type: 'O', value: 'system:nodes' },
    { type: 'CN', value: 'system:node:r1' },
  ],
  extensions: [],
  key: { kind: 'ecdsa', curve: 'P-256' },
  keyDigest: 'd1',
  signatureValid: true,
}

const csr = (fields: Partial<ParsedCsr> = {}, inside: Partial<Good> = {}): ParsedCsr => ({
  name: 'node-csr-1',
  uid: 'u1',
  signer: kubeletSigner,
  username: 'system:bootstrap:aaaaaa',
  groups: ['system:bootstrappers', 'system:bootstrappers:rollcall', 'system:authenticated'],
  usages: ['digital signature', 'key encipherment', 'client auth'],
  created: epochMs(now - 1000),
  request: { ...content, ...inside },
  ...fields,
})
const named = (...subject: readonly string[]): Partial<Good> => ({
  subject: subject.map((text) => {
    const [type = '', value = ''] = text.split('=')
    return { type, value }
  }),
})
const leave = { wrong: 'leave-alone' } as const
const judge = (request: ParsedCsr, known: JoinFacts = facts, at = now) =>
  judgeCsr(request, known, at, leave)

describe('approved', () => {
  test('the token of this boot, asking for the name of its machine', () => {
    expect(judge(csr())).toEqual({
      kind: 'approve',
      machine: 'i-r1',
      boot: 'b1',
      token: 'aaaaaa',
      renewal: false,
      key: 'd1',
      evidence: {
        csr: 'u1',
        request: 'node-csr-1',
        username: 'system:bootstrap:aaaaaa',
        node: 'r1',
        key: 'd1',
      },
    })
  })

  test.each<[string, ParsedCsr]>([
    ['subject the other way round', csr({}, named('CN=system:node:r1', 'O=system:nodes'))],
    ['RSA of 2048 bits', csr({}, { key: { kind: 'rsa', bits: 2048 } })],
    ['P-521', csr({}, { key: { kind: 'ecdsa', curve: 'P-521' } })],
    ['Ed25519', csr({}, { key: { kind: 'ed25519' } })],
    ['no key encipherment, ECDSA', csr({ usages: ['client auth', 'digital signature'] })],
  ])('%s', (_name, request) => {
    expect(judge(request).kind).toBe('approve')
  })

  test('made at the same moment as the boot, by a clock that is a little behind', () => {
    const issued = { hostname: r1.hostname, image: 'w' as never, seed: 's' as never, at: now }
    const known = factsOf([boot({ issued })], [token()])
    expect(judge(csr(), known).kind).toBe('approve')
    const early = csr({ created: epochMs(now - 61_000) })
    expect(judge(early, known)).toMatchObject({
      kind: 'leave-alone',
      reason: 'it was made before this boot',
    })
  })

  test('claimed: the answer may have been heard before its end was recorded', () => {
    const claimed = factsOf([boot()], [token({ state: 'claimed' })])
    expect(judge(csr(), claimed).kind).toBe('approve')
  })

  test('the same key again, as a kubelet asks that was started again', () => {
    expect(judge(csr({ uid: 'u2' }), factsOf([boot({ nodeKey: 'd1' })], [token()])).kind).toBe(
      'approve',
    )
  })

  test('a stored token that a whole group has, each machine for its own name', () => {
    const shared = { source: 'stored', id: id('cccccc') } as const
    const known = factsOf([boot(), r2Boot], [token(shared), { ...r2Token, ...shared }])
    const asks = { username: 'system:bootstrap:cccccc' }
    expect(judge(csr(asks), known)).toMatchObject({ kind: 'approve', machine: r1.id })
    const other = csr(asks, named('O=system:nodes', 'CN=system:node:r2'))
    expect(judge(other, known)).toMatchObject({ kind: 'approve', machine: r2.id })
  })

  test('a request that waited for us past the end of its token, for an hour', () => {
    const late = factsOf([boot()], [token({ expires: epochMs(now - hour) })])
    expect(judge(csr(), late).kind).toBe('approve')
    const later = factsOf([boot()], [token({ expires: epochMs(now - hour - 1) })])
    expect(judge(csr(), later)).toMatchObject({ reason: expect.stringMatching(/window ended/) })
  })
})

const node = { username: 'system:node:r1', groups: ['system:nodes', 'system:authenticated'] }

describe('renewals', () => {
  test('a node asks for itself, whatever has become of its token', () => {
    expect(judge(csr(node), factsOf([], []))).toMatchObject({ kind: 'approve', renewal: true })
  })

  test.each<[string, ParsedCsr, RegExp]>([
    [
      'for another node',
      csr(node, named('O=system:nodes', 'CN=system:node:r2')),
      /system:node:r1 asks for the certificate of r2/,
    ],
    ['without the group', csr({ ...node, groups: ['system:authenticated'] }), /system:nodes/],
    [
      'of a node that is no machine of ours',
      csr({ ...node, username: 'system:node:x9' }, named('O=system:nodes', 'CN=system:node:x9')),
      /no machine of the inventory is called x9/,
    ],
  ])('%s: left alone', (_name, request, reason) => {
    expect(judge(request)).toMatchObject({
      kind: 'leave-alone',
      reason: expect.stringMatching(reason),
    })
  })
})

describe('left alone', () => {
  test.each<[string, ParsedCsr, RegExp]>([
    ['another signer', csr({ signer: 'kubernetes.io/kube-apiserver-client' }), /its signer is/],
    ['an administrator', csr({ username: 'admin' }), /admin is neither/],
    ['a service account', csr({ username: 'system:serviceaccount:a:b' }), /is neither/],
    [
      'a name that only begins like a token',
      csr({ username: 'system:bootstrap:aaaaaab' }),
      /neither/,
    ],
    ['no bootstrapper', csr({ groups: ['system:authenticated'] }), /not in the group/],
    [
      'the name of another machine',
      csr({}, named('O=system:nodes', 'CN=system:node:r2')),
      /token aaaaaa belongs to r1, not to r2/,
    ],
    ['the token of another machine', csr({ username: 'system:bootstrap:bbbbbb' }), /belongs to r2/],
    [
      'a token of other people',
      csr({ username: 'system:bootstrap:zzzzzz' }),
      /not one that this server/,
    ],
    [
      'a name that is not in the inventory',
      csr({}, named('O=system:nodes', 'CN=system:node:x9')),
      /no machine of the inventory is called x9/,
    ],
    ['no node name', csr({}, named('O=system:nodes', 'CN=r1')), /its subject is/],
    ['an empty node name', csr({}, named('O=system:nodes', 'CN=system:node:')), /is empty/],
    ['capitals', csr({}, named('O=system:nodes', 'CN=system:node:R1')), /has capitals/],
    ['the wrong organization', csr({}, named('O=system:masters', 'CN=system:node:r1')), /subject/],
    [
      'one organization more',
      csr({}, named('O=system:nodes', 'O=system:masters', 'CN=system:node:r1')),
      /subject/,
    ],
    ['a unit besides', csr({}, named('O=system:nodes', 'OU=x', 'CN=system:node:r1')), /subject/],
    [
      'two names',
      csr({}, named('O=system:nodes', 'CN=system:node:r1', 'CN=system:node:r2')),
      /subject/,
    ],
    ['no subject', csr({}, { subject: [] }), /its subject is ''/],
    ['alternative names', csr({}, { extensions: ['2.5.29.17'] }), /alternative names/],
    ['another extension', csr({}, { extensions: ['2.5.29.19'] }), /asks for extensions/],
    ['a short RSA key', csr({}, { key: { kind: 'rsa', bits: 2047 } }), /2047 bits/],
    ['an endless RSA key', csr({}, { key: { kind: 'rsa', bits: 16_384 } }), /16384 bits/],
    ['an odd curve', csr({}, { key: { kind: 'ecdsa', curve: 'secp256k1' } }), /on secp256k1/],
    ['an odd key', csr({}, { key: { kind: 'other', name: 'DSA' } }), /of the kind DSA/],
    ['a key of somebody else', csr({}, { signatureValid: false }), /not signed with the key/],
    [
      'a usage more',
      csr({ usages: ['client auth', 'digital signature', 'key encipherment', 'server auth'] }),
      /its usages are/,
    ],
    ['a usage less', csr({ usages: ['client auth', 'key encipherment'] }), /its usages are/],
    [
      'a usage twice',
      csr({ usages: ['client auth', 'client auth', 'digital signature'] }),
      /usages/,
    ],
    ['no usage', csr({ usages: [] }), /its usages are none/],
    [
      'RSA without key encipherment',
      csr({ usages: ['client auth', 'digital signature'] }, { key: { kind: 'rsa', bits: 2048 } }),
      /its usages are/,
    ],
    [
      'rubbish',
      csr({ request: { ok: false, problem: 'not DER' } }),
      /no certificate request: not DER/,
    ],
  ])('%s', (_name, request, reason) => {
    expect(judge(request)).toMatchObject({
      kind: 'leave-alone',
      reason: expect.stringMatching(reason),
    })
  })

  test.each<[string, readonly Boot[], readonly BootToken[], RegExp]>([
    ['the boot is closed', [boot({ stage: 'ready' })], [token()], /the boot is closed/],
    ['powered on again', [boot({ outcome: 'superseded' })], [token()], /powered on again/],
    [
      'the token of an earlier boot',
      [boot(), boot({ id: 'b9' as BootId })],
      [token(), token({ boot: 'b9' as BootId, id: id('dddddd') })],
      /belongs to an earlier boot of r1/,
    ],
    [
      'an earlier boot, and this one has no token',
      [boot(), boot({ id: 'b9' as BootId })],
      [token()],
      /belongs to an earlier boot of r1/,
    ],
    [
      'another key before',
      [boot({ nodeKey: 'other' })],
      [token()],
      /another key has been approved/,
    ],
    [
      'renamed since',
      [boot()],
      [token({ hostname: r2.hostname })],
      /r1 was called r2 when this boot was given its token/,
    ],
  ])('%s', (_name, boots, tokens, reason) => {
    expect(judge(csr(), factsOf(boots, tokens))).toMatchObject({
      kind: 'leave-alone',
      ours: true,
      reason: expect.stringMatching(reason),
    })
  })

  const states: Record<TokenState, RegExp | undefined> = {
    wanted: /not been given to anybody yet/,
    minting: /not been given to anybody yet/,
    ready: /not been given to anybody yet/,
    claimed: undefined,
    sent: undefined,
    lost: /lost on its way/,
    withheld: /withheld/,
  }
  test.each(Object.entries(states))('its token is %s', (state, reason) => {
    const verdict = judge(csr(), factsOf([boot()], [token({ state: state as TokenState })]))
    if (reason === undefined) expect(verdict.kind).toBe('approve')
    else expect(verdict).toMatchObject({ reason: expect.stringMatching(reason) })
  })

  test("other people's business is no line in the audit", () => {
    const serving = csr({ ...node, signer: 'kubernetes.io/kubelet-serving' })
    expect(judge(serving)).toMatchObject({ kind: 'leave-alone', ours: false })
    const misused = csr({ signer: 'kubernetes.io/kube-apiserver-client' })
    expect(judge(misused)).toMatchObject({ kind: 'leave-alone', ours: true, machine: r1.id })
  })

  test('what the asker wrote cannot write on a terminal, or without end', () => {
    const verdict = judge(csr({ username: `x\u001b[2J\n${'y'.repeat(5000)}` }))
    const { reason } = verdict as { readonly reason: string }
    expect(reason).toMatch(/^[\x20-\x7e]{1,400}$/)
  })
})

describe('denied, where the configuration says so', () => {
  const deny = (request: ParsedCsr) => judgeCsr(request, facts, now, { wrong: 'deny' })

  test.each<[string, ParsedCsr]>([
    ['a token of ours under a wrong name', csr({}, named('O=system:nodes', 'CN=system:node:x9'))],
    ['a foreign token for a machine of ours', csr({ username: 'system:bootstrap:zzzzzz' })],
  ])('%s', (_name, request) => {
    expect(deny(request).kind).toBe('deny')
  })

  test.each<[string, ParsedCsr]>([
    ['another signer', csr({ signer: 'example.com/x' })],
    [
      'a foreign token for a foreign name',
      csr({ username: 'system:bootstrap:zzzzzz' }, named('O=system:nodes', 'CN=system:node:x9')),
    ],
  ])('%s is left alone all the same', (_name, request) => {
    expect(deny(request).kind).toBe('leave-alone')
  })
})
