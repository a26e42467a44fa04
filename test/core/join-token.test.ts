import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BootToken, BootstrapTokenId, TokenState } from '../../src/core/boot-token.ts'
import type { Boot } from '../../src/core/boot.ts'
import { randomLetters, secretManifest } from '../../src/core/join-secret.ts'
import { tokenDuty } from '../../src/core/join-token.ts'
import type { BootId } from '../../src/values/ids.ts'
import { epochMs } from '../../src/values/time.ts'
import { machine, macNumber } from '../support/inventory.ts'

const r1 = machine('r1')
const now = epochMs(1_800_000_000_999)
const boot = (fields: Partial<Boot> = {}): Boot => ({
  ...{ id: 'b1' as BootId, machine: r1.id, mac: macNumber(1), stage: 'seed', outcome: 'running' },
  ...{ opened: now, updated: now, events: 1 },
  ...fields,
})
const token = (state: TokenState, fields: Partial<BootToken> = {}): BootToken => ({
  ...{ boot: 'b1' as BootId, machine: r1.id, hostname: r1.hostname, source: 'minted', state },
  ...{ expires: epochMs(now + 1), inCluster: state !== 'wanted' },
  ...fields,
})

const over: readonly [string, Boot | undefined, Partial<BootToken>][] = [
  ['its machine is gone', undefined, {}],
  ['another boot is the latest', boot({ id: 'b2' as BootId }), {}],
  ['superseded', boot({ outcome: 'superseded' }), {}],
  ['its node is Ready', boot({ stage: 'ready' }), {}],
  ['its window is over', boot(), { expires: now }],
]
const duties: Record<TokenState, readonly [whileOpen: string, whenOver: string]> = {
  wanted: ['mint', 'withhold'],
  minting: ['create', 'withhold'],
  ready: ['nothing', 'withhold'],
  claimed: ['nothing', 'remove'],
  sent: ['nothing', 'remove'],
  lost: ['remove', 'remove'],
  withheld: ['remove', 'remove'],
}

test.each(Object.entries(duties))('%s', (state, [open, closed]) => {
  const duty = (of: Boot | undefined, fields: Partial<BootToken> = {}) =>
    tokenDuty(token(state as TokenState, fields), of, now).kind
  expect(duty(boot())).toBe(open)
  for (const [why, of, fields] of over) expect([why, duty(of, fields)]).toEqual([why, closed])
})

test('what is out of the cluster is not taken out again, and a stored token is never touched', () => {
  for (const state of ['claimed', 'sent', 'lost', 'withheld'] as const) {
    expect(tokenDuty(token(state, { inCluster: false }), undefined, now).kind).toBe('nothing')
  }
  for (const state of Object.keys(duties) as TokenState[]) {
    expect(tokenDuty(token(state, { source: 'stored' }), undefined, now).kind).toBe('nothing')
  }
})

test('the Secret, word for word', () => {
  const secret = {
    ...{ id: 'abcdef' as BootstrapTokenId, secret: '0123456789abcdef', expires: now },
    ...{ machine: r1.id, hostname: r1.hostname, boot: 'b1' as BootId },
  }
  expect(secretManifest(secret, 'east')).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: {
      name: 'bootstrap-token-abcdef',
      namespace: 'kube-system',
      labels: {
        'app.kubernetes.io/managed-by': 'rollcall',
        'rollcall.dev/instance': 'east',
        'rollcall.dev/machine': 'i-r1',
        'rollcall.dev/boot': 'b1',
      },
    },
    stringData: {
      description: 'rollcall: r1, boot b1',
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      expiration: '2027-01-15T08:00:00Z',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:rollcall',
    },
  })
})

test('letters: as many as wanted, each from as many octets as the others', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.infiniteStream(fc.nat(255)), (count, octets) => {
      const random = (n: number) => Uint8Array.from({ length: n }, () => octets.next().value ?? 0)
      expect(randomLetters(count, random)).toMatch(new RegExp(`^[a-z0-9]{${count}}$`))
    }),
  )
  let next = 0
  const all = randomLetters(252, (n) => Uint8Array.from({ length: n }, () => (next += 1) - 1))
  const counts = new Map<string, number>()
  for (const letter of all) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  expect([...new Set(counts.values())]).toEqual([7])
  expect(counts.size).toBe(36)
})
