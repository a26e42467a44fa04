import type { BootId } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'
import type { AuditEntry } from './audit.ts'
import type { BootstrapTokenId, BootToken, Sealed, TokenState } from './boot-token.ts'
import type { BootEvent } from './boot-event.ts'
import type { Boot } from './boot.ts'
import type { Change, Decided } from './change.ts'
import type { BootFacts, BootTokenFacts } from './facts.ts'
import { record } from './timeline.ts'

/** All that can happen to the bootstrap token of a boot. Nothing else moves one. */
export type TokenStep =
  /** Its id and secret are chosen; after this is on the disk the cluster may be told. */
  | { readonly kind: 'mint'; readonly id: BootstrapTokenId; readonly secret: Sealed }
  /** The cluster has it. */
  | { readonly kind: 'accept' }
  /** It will be sent, and never again. For a stored token: the one that counts at this moment. */
  | { readonly kind: 'claim'; readonly id?: BootstrapTokenId }
  /** The last octet of the document has left. */
  | { readonly kind: 'sent' }
  /** The connection or this server broke before that. */
  | { readonly kind: 'lose'; readonly reason: string }
  /** Its time is over before anybody had it. */
  | { readonly kind: 'withhold'; readonly reason: string }
  /** The key has changed. */
  | { readonly kind: 'reseal'; readonly secret: Sealed }
  /** Its Secret is not in the cluster any more. */
  | { readonly kind: 'remove' }

/** From which states a step can be taken. */
const from: Readonly<Record<TokenStep['kind'], readonly TokenState[]>> = {
  mint: ['wanted'],
  accept: ['minting'],
  claim: ['ready'],
  sent: ['claimed'],
  lose: ['claimed'],
  withhold: ['wanted', 'minting', 'ready'],
  reseal: ['minting', 'ready'],
  remove: ['minting', 'ready', 'claimed', 'sent', 'lost', 'withheld'],
}

/** @returns undefined when the token's state has no such step */
export function stepToken(token: BootToken, step: TokenStep): BootToken | undefined {
  if (!from[step.kind].includes(token.state)) return undefined
  switch (step.kind) {
    case 'mint':
      // Whether the cluster ever hears of it or not: it has to be looked for there.
      return { ...token, state: 'minting', id: step.id, secret: step.secret, inCluster: true }
    case 'accept':
      return { ...token, state: 'ready' }
    case 'claim':
      return {
        ...withoutSecret(token),
        state: 'claimed',
        ...(step.id === undefined ? {} : { id: step.id }),
      }
    case 'sent':
      return { ...token, state: 'sent' }
    case 'lose':
      return { ...token, state: 'lost', why: step.reason }
    case 'withhold':
      return { ...withoutSecret(token), state: 'withheld', why: step.reason }
    case 'reseal':
      return token.secret === undefined ? undefined : { ...token, secret: step.secret }
    case 'remove':
      return { ...token, inCluster: false }
  }
}

function withoutSecret(token: BootToken): BootToken {
  const { secret: _erased, ...rest } = token
  return rest
}

/** Whether it can still go out. */
export const isOpen = ({ state }: BootToken): boolean => from.withhold.includes(state)

export type TokenMoveFacts = Pick<BootFacts, 'latestBoot'> & Pick<BootTokenFacts, 'bootToken'>

/**
 * Takes a step, with its audit entry and its line on the timeline.
 * @returns the token as it is then; undefined, and no change, when it has no such step any more
 */
export function moveToken(
  facts: TokenMoveFacts,
  boot: BootId,
  step: TokenStep,
  now: EpochMs,
  evidence: AuditEntry['evidence'] = {},
): Decided<BootToken | undefined> {
  const token = facts.bootToken(boot)
  const next = token && stepToken(token, step)
  if (next === undefined) return { changes: [], result: undefined }
  const latest = facts.latestBoot(next.machine)
  return {
    changes: [
      { kind: 'boot-token.put', token: next },
      ...auditOf(next, step, now, evidence),
      // A boot that is not the machine's latest has no timeline to write to any more.
      ...(latest?.id === boot ? timelineOf(next, step, latest, now) : []),
    ],
    result: next,
  }
}

/** A token that begins its life: at once ready, wanted, or withheld with a reason. */
export const openToken = (token: BootToken, boot: Boot, now: EpochMs): readonly Change[] => {
  const { state, source, why } = token
  const changes: Change[] = [{ kind: 'boot-token.put', token }]
  if (state === 'withheld') {
    const step = { kind: 'withhold', reason: why ?? '' } as const
    changes.push(...auditOf(token, step, now, {}), ...timelineOf(token, step, boot, now))
  }
  if (state === 'ready' && source === 'stored' && token.id !== undefined) {
    changes.push(...happened(boot, { kind: 'token.stored', token: token.id }, now))
  }
  return changes
}

/** What the audit calls each step; null for what nobody has to account for. */
const auditKinds: Readonly<Record<TokenStep['kind'], AuditEntry['kind'] | null>> = {
  mint: null, // not before the cluster has it
  accept: 'token.minted',
  claim: 'token.claimed',
  sent: 'token.sent',
  lose: 'token.lost',
  withhold: 'token.withheld',
  reseal: null,
  remove: 'token.closed',
}

function auditOf(
  { id, machine, boot }: BootToken,
  step: TokenStep,
  at: EpochMs,
  evidence: AuditEntry['evidence'],
): readonly Change[] {
  const kind = auditKinds[step.kind]
  if (kind === null) return []
  const token = id === undefined ? {} : { token: id }
  const reason = 'reason' in step ? { reason: step.reason } : {}
  return [{ kind: 'audit.add', entry: { at, kind, machine, boot, ...token, ...reason, evidence } }]
}

function timelineOf(
  token: BootToken,
  step: TokenStep,
  boot: Boot,
  now: EpochMs,
): readonly Change[] {
  const id = token.id
  switch (step.kind) {
    case 'accept':
      return id === undefined ? [] : happened(boot, { kind: 'token.minted', token: id }, now)
    case 'sent':
      return id === undefined ? [] : happened(boot, { kind: 'token.sent', token: id }, now)
    case 'lose':
      return id === undefined
        ? []
        : happened(boot, { kind: 'token.lost', token: id, reason: step.reason }, now)
    case 'withhold':
      return happened(boot, { kind: 'token.withheld', reason: step.reason }, now)
    case 'mint':
    case 'claim':
    case 'reseal':
    case 'remove':
      return []
  }
}

const happened = (boot: Boot, event: BootEvent, now: EpochMs): readonly Change[] =>
  record({ machine: boot.machine, mac: boot.mac, event }, boot, boot.id, now)
