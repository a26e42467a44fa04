import type { BootId } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import { refused, type Parsed } from '../values/parse.ts'
import { seconds, type EpochMs, type Seconds } from '../values/time.ts'
import type { AuditEntry } from './audit.ts'
import {
  bootTokenRecord,
  storedTokenRecord,
  type BootstrapTokenId,
  type BootToken,
  type Sealed,
  type StoredToken,
} from './boot-token.ts'
import type { Boot } from './boot.ts'
import type { Change, Decided } from './change.ts'
import { findings, type Findings } from './evidence.ts'
import type { Facts } from './facts.ts'
import { evidenceKinds, groupOf, type EvidenceKind, type Group } from './group.ts'
import { addressesOf } from './identity.ts'
import type { Machine } from './machine.ts'
import { storedTokenFor } from './stored-token.ts'
import { mostEvents, record } from './timeline.ts'
import { moveToken } from './token-lifecycle.ts'

/** Somebody asks for the user-data of a boot whose seed path they know. */
export interface TokenAsk {
  readonly boot: BootId
  readonly source: Ipv4 | undefined
  /** False when the connection is known to be gone: nothing is spent on it. */
  readonly isOpen: boolean
  /** Opens a sealed text, with a key that the core does not have. */
  readonly open: (sealed: Sealed, record: string) => Parsed<string>
}

/** Why there is no secret in the answer; also the label by which refusals are counted. */
export type TokenRefusal =
  | EvidenceKind
  | 'over' // the boot is up or superseded: it needs no token any more
  | 'again' // it was handed out before
  | 'withheld' // there never was one, or its time ran out
  | 'sealed' // it is here, and the key that opens it is not
  | 'gone' // whoever asked hung up

export type Release =
  /** Nothing was ever meant to be released to this boot. */
  | { readonly kind: 'none' }
  /** On the disk as claimed when this is returned: it goes out now or never. */
  | { readonly kind: 'release'; readonly token: string; readonly id: BootstrapTokenId }
  /** There is none yet. */
  | { readonly kind: 'wait'; readonly reason: string; readonly retryAfter: Seconds }
  | {
      readonly kind: 'without'
      readonly refusal: TokenRefusal
      readonly reason: string
      readonly token?: BootstrapTokenId
      /** Whether somebody should look: false for what was told often enough. */
      readonly alarm: boolean
    }

/** Long enough for a minting round, short enough that nobody notices. */
const patience = seconds(2)

/**
 * Whether this ask gets the secret of its boot: all evidence that the group's policy names must hold,
 * and it is the first. A `release` has marked it as claimed in the same step.
 */
export function decideRelease(
  facts: Facts,
  groups: readonly Group[],
  ask: TokenAsk,
  now: EpochMs,
): Decided<Release> {
  const token = facts.bootToken(ask.boot)
  const machine = token && facts.machine(token.machine)
  const boot = token && facts.latestBoot(token.machine)
  if (token === undefined || machine === undefined || boot === undefined) {
    return { changes: [], result: { kind: 'none' } }
  }
  const found = findings({
    ...{ machine, boot, token, facts, now },
    source: ask.source,
    addresses: addressesOf(machine, facts, now),
  })
  const group = groupOf(machine, groups)
  const doubt =
    missing(found, group) ??
    outOfTime(ask.boot, boot, group) ??
    spent(token) ??
    (ask.isOpen ? undefined : { refusal: 'gone' as const, reason: 'the connection is closed' })
  if (doubt !== undefined) return refuse(token, boot, found, doubt, now)

  if (token.state === 'wanted' || token.state === 'minting') {
    const reason =
      token.state === 'wanted' ? 'it is not minted yet' : 'the cluster has not said yes'
    return { changes: [], result: { kind: 'wait', reason, retryAfter: patience } }
  }

  const opened = openToken(facts, token, machine, group, ask, now)
  if (!opened.ok) {
    return refuse(token, boot, found, { refusal: 'sealed', reason: opened.problem }, now)
  }
  const { id, secret } = opened.value
  const { changes, result } = moveToken(facts, ask.boot, { kind: 'claim', id }, now, told(found))
  if (result === undefined) throw new TypeError(`a ${token.state} token cannot be claimed`)
  return { changes, result: { kind: 'release', token: `${id}.${secret}`, id } }
}

interface Doubt {
  readonly refusal: TokenRefusal
  readonly reason: string
}

/** The window counts whatever a policy names: a token has an end. */
function missing(found: Findings, group: Group | undefined): Doubt | undefined {
  const needed = evidenceKinds.filter((kind) => kind === 'boot-window' || group?.requires.has(kind))
  const lacking = needed.filter((kind) => !found[kind].holds)
  const [first] = lacking
  if (first === undefined) return undefined
  return { refusal: first, reason: lacking.map((kind) => found[kind].says).join('; ') }
}

function outOfTime(asked: BootId, boot: Boot, group: Group | undefined): Doubt | undefined {
  if (boot.id !== asked) return { refusal: 'over', reason: 'the machine was powered on again' }
  if (boot.outcome !== 'running') {
    return { refusal: 'over', reason: `the boot is over: ${boot.outcome}` }
  }
  if (group === undefined || group.token === 'none') {
    return { refusal: 'withheld', reason: 'its group has no tokens any more' }
  }
  return undefined
}

function spent({ state, why }: BootToken): Doubt | undefined {
  switch (state) {
    case 'claimed':
      return { refusal: 'again', reason: 'it is being handed out at this moment' }
    case 'sent':
      return { refusal: 'again', reason: 'it was handed out before' }
    case 'lost':
      return { refusal: 'again', reason: `it was lost: ${why ?? 'nobody knows how'}` }
    case 'withheld':
      return { refusal: 'withheld', reason: why ?? 'it was withheld' }
    case 'wanted':
    case 'minting':
    case 'ready':
      return undefined
  }
}

/** A stored token has no copy in the boot's record: whatever people say now is what counts. */
function openToken(
  facts: Facts,
  token: BootToken,
  machine: Machine,
  group: Group | undefined,
  { open }: TokenAsk,
  now: EpochMs,
): Parsed<{ readonly id: BootstrapTokenId; readonly secret: string }> {
  if (token.source === 'stored') {
    const stored: StoredToken | undefined = storedTokenFor(facts, machine, group)
    if (stored === undefined) return refused('the stored token was taken away')
    if (stored.expires !== undefined && stored.expires <= now) return refused('it has expired')
    const opened = open(stored.secret, storedTokenRecord(stored))
    return opened.ok ? { ok: true, value: { id: stored.id, secret: opened.value } } : opened
  }
  if (token.id === undefined || token.secret === undefined) return refused('its secret is gone')
  const opened = open(token.secret, bootTokenRecord(token))
  return opened.ok ? { ok: true, value: { id: token.id, secret: opened.value } } : opened
}

/** The document goes out without the secret. A stranger who goes on asking fills no disk. */
function refuse(
  token: BootToken,
  boot: Boot,
  found: Findings,
  { refusal, reason }: Doubt,
  now: EpochMs,
): Decided<Release> {
  const id = token.id === undefined ? {} : { token: token.id }
  const alarm = refusal !== 'gone' && boot.events < mostEvents
  const result = { kind: 'without', refusal, reason, ...id, alarm } as const
  if (!alarm) return { changes: [], result }
  const { machine, mac } = boot
  const event = { kind: 'token.refused', reason } as const
  const audit: Change = {
    kind: 'audit.add',
    entry: {
      ...{ at: now, kind: 'token.refused', machine, boot: token.boot, ...id, reason },
      evidence: told(found),
    },
  }
  return { changes: [audit, ...record({ machine, mac, event }, boot, boot.id, now)], result }
}

const told = (found: Findings): AuditEntry['evidence'] =>
  Object.fromEntries(
    evidenceKinds.map((kind) => [kind, `${found[kind].holds ? 'yes' : 'no'}: ${found[kind].says}`]),
  )
