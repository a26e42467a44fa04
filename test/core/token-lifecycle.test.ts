import { describe, expect, test } from 'vitest'
import type { BootstrapTokenId, BootToken, Sealed, TokenState } from '../../src/core/boot-token.ts'
import { isOpen, moveToken, stepToken, type TokenStep } from '../../src/core/token-lifecycle.ts'
import type { BootId } from '../../src/values/ids.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf, machine } from '../support/inventory.ts'

const id = 'abc123' as BootstrapTokenId
const rack = machine('r1')
const token = (state: TokenState): BootToken => ({
  ...{ boot: 'b1' as BootId, machine: rack.id, hostname: rack.hostname, source: 'minted' },
  ...{ state, id, secret: 'v1.k.x' as Sealed, expires: epochMs(1000), inCluster: true },
})

const states: readonly TokenState[] = [
  ...(['wanted', 'minting', 'ready', 'claimed', 'sent', 'lost', 'withheld'] as const),
]
const steps: readonly TokenStep[] = [
  { kind: 'mint', id, secret: 'v1.k.y' as Sealed },
  { kind: 'accept' },
  { kind: 'claim' },
  { kind: 'sent' },
  { kind: 'lose', reason: 'it broke' },
  { kind: 'withhold', reason: 'too late' },
  { kind: 'reseal', secret: 'v1.k2.z' as Sealed },
  { kind: 'remove' },
]

describe('each step from each state', () => {
  const none = undefined
  /** In the order of the states above. */
  const table: Readonly<Record<TokenStep['kind'], readonly (TokenState | undefined)[]>> = {
    mint: ['minting', none, none, none, none, none, none],
    accept: [none, 'ready', none, none, none, none, none],
    claim: [none, none, 'claimed', none, none, none, none],
    sent: [none, none, none, 'sent', none, none, none],
    lose: [none, none, none, 'lost', none, none, none],
    withhold: ['withheld', 'withheld', 'withheld', none, none, none, none],
    reseal: [none, 'minting', 'ready', none, none, none, none],
    remove: [none, 'minting', 'ready', 'claimed', 'sent', 'lost', 'withheld'],
  }
  const rows = steps.flatMap((step) =>
    states.map((state, at) => [step.kind, state, table[step.kind][at], step] as const),
  )
  test.each(rows)('%s from %s: %s', (_, state, expected, step) => {
    expect(stepToken(token(state), step)?.state).toBe(expected)
  })
})

test('nothing leads back to where a secret can go out', () => {
  const closed = states.map(token).filter((each) => !isOpen(each))
  const next = closed.flatMap((each) => steps.flatMap((step) => stepToken(each, step) ?? []))
  expect(next.length).toBeGreaterThan(0)
  expect(next.filter(isOpen)).toEqual([])
})

test('the secret is erased as soon as it goes out, or never will', () => {
  for (const step of steps.filter(({ kind }) => ['claim', 'withhold'].includes(kind))) {
    expect(stepToken(token('ready'), step)).not.toHaveProperty('secret')
  }
})

test('a step has its entry in the audit, and a boot that is the latest its line', () => {
  const facts = factsOf({ kind: 'boot-token.put', token: token('claimed') })
  const { changes } = moveToken(
    facts,
    'b1' as BootId,
    { kind: 'lose', reason: 'it broke' },
    epochMs(7),
  )
  expect(changes).toEqual([
    { kind: 'boot-token.put', token: { ...token('claimed'), state: 'lost', why: 'it broke' } },
    {
      kind: 'audit.add',
      entry: {
        ...{ at: 7, kind: 'token.lost', machine: rack.id, boot: 'b1', token: id },
        ...{ reason: 'it broke', evidence: {} },
      },
    },
  ])
  expect(moveToken(facts, 'b1' as BootId, { kind: 'claim' }, epochMs(8)).changes).toEqual([])
})
