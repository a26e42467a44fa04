import type { Logger } from 'pino'
import { bootTokenRecord, storedTokenRecord, type Sealed } from '../core/boot-token.ts'
import type { Change } from '../core/change.ts'
import type { Facts } from '../core/facts.ts'
import { isOpen, moveToken, type TokenStep } from '../core/token-lifecycle.ts'
import type { Store } from '../store/store.ts'
import type { Vault } from '../store/vault.ts'
import type { BootId } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'

export interface TokenKeeperDeps {
  readonly store: Pick<Store, 'facts' | 'update' | 'subscribe'>
  readonly clock: () => EpochMs
  readonly vault: Vault
  /** Whether machines are to have tokens: then it matters that there is a key. */
  readonly isNeeded: boolean
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
}

/** How the secrets at rest are. */
export interface SecretsStatus {
  /** `none`: there are none, and no key. */
  readonly state: 'ok' | 'none' | 'no-key' | 'wrong-key'
  readonly key?: string
  /** How many there are, and how many of them do not open. */
  readonly sealed: number
  readonly closed: number
  /** What is wrong, and what works all the same. */
  readonly problem?: string
}

const sweepEveryMs = 10_000

/**
 * What happens to tokens that nobody asks for: those that were on their way out when the server
 * stopped are lost, those of boots that are over are withheld, and what is sealed under an older key
 * is sealed again.
 */
export async function startTokenKeeper({ store, clock, vault, isNeeded, log }: TokenKeeperDeps) {
  await keep(lose(store.facts), 'were on their way out when the server stopped: they are lost')
  await sealAgain(store, vault, log)
  const status = secretsStatus(store.facts, vault)
  if (status.problem !== undefined && (isNeeded || status.sealed > 0))
    log.warn(`secrets: ${status.problem}`)

  async function keep(steps: readonly (readonly [BootId, TokenStep])[], words: string) {
    if (steps.length === 0) return
    const now = clock()
    await store.update((facts) => ({
      // Each token is of its own boot, so no step sees what another one changes.
      changes: steps.flatMap(([boot, step]) => moveToken(facts, boot, step, now).changes),
      result: undefined,
    }))
    log.info(`${steps.length} bootstrap token(s) ${words}`)
  }

  const sweep = (): void => {
    keep(withhold(store.facts, clock()), 'withheld').catch((error: unknown) =>
      log.error({ err: error }, 'tokens of boots that are over could not be withheld'),
    )
  }
  sweep()
  const timer = setInterval(sweep, sweepEveryMs)
  return { stop: () => clearInterval(timer) }
}

function lose(facts: Facts): readonly (readonly [BootId, TokenStep])[] {
  const step = { kind: 'lose', reason: 'the server stopped while it went out' } as const
  return [...facts.bootTokens()]
    .filter(({ state }) => state === 'claimed')
    .map(({ boot }) => [boot, step] as const)
}

/** Tokens that can't go out any more, with the reason why. */
export function withhold(facts: Facts, now: EpochMs): readonly (readonly [BootId, TokenStep])[] {
  const over: (readonly [BootId, TokenStep])[] = []
  for (const token of facts.bootTokens()) {
    const reason = isOpen(token) ? whyOver(facts, token, now) : undefined
    if (reason !== undefined) over.push([token.boot, { kind: 'withhold', reason }])
  }
  return over
}

function whyOver(
  facts: Facts,
  {
    boot,
    machine,
    expires,
  }: { boot: BootId; machine: Parameters<Facts['machine']>[0]; expires: EpochMs },
  now: EpochMs,
): string | undefined {
  if (facts.machine(machine) === undefined) return 'the machine has left the inventory'
  const latest = facts.latestBoot(machine)
  if (latest?.id !== boot) return 'the machine was powered on again'
  if (now >= expires) return "the boot's window has closed"
  return latest.outcome === 'running' ? undefined : `the boot is over: ${latest.outcome}`
}

interface AtRest {
  readonly sealed: Sealed
  readonly record: string
  readonly put: (secret: Sealed) => Change
}

function* atRest(facts: Facts): Iterable<AtRest> {
  for (const token of facts.storedTokens()) {
    const put = (secret: Sealed): Change => ({
      kind: 'stored-token.put',
      token: { ...token, secret },
    })
    yield { sealed: token.secret, record: storedTokenRecord(token), put }
  }
  for (const token of facts.bootTokens()) {
    if (token.secret === undefined) continue
    const put = (secret: Sealed): Change => ({
      kind: 'boot-token.put',
      token: { ...token, secret },
    })
    yield { sealed: token.secret, record: bootTokenRecord(token), put }
  }
}

/** After the key has changed: all in one transaction, so that the old key may go at once. */
async function sealAgain(
  store: Pick<Store, 'update'>,
  vault: Vault,
  log: Pick<Logger, 'info'>,
): Promise<void> {
  if (vault.keyId === undefined) return
  const count = await store.update((facts) => {
    const changes: Change[] = []
    for (const { sealed, record, put } of atRest(facts)) {
      if (vault.isCurrent(sealed)) continue
      const opened = vault.open(sealed, record)
      const again = opened.ok ? vault.seal(opened.value, record) : opened
      if (again.ok) changes.push(put(again.value))
    }
    return { changes, result: changes.length }
  })
  if (count > 0) log.info(`${count} secret(s) sealed again under key ${vault.keyId}`)
}

const works = 'Names, images and boots work; machines come up without their bootstrap token.'

/** Looks into every secret: for the start, the status page and the doctor. */
export function secretsStatus(facts: Facts, vault: Vault): SecretsStatus {
  let sealed = 0
  let closed = 0
  for (const each of atRest(facts)) {
    sealed += 1
    if (!vault.open(each.sealed, each.record).ok) closed += 1
  }
  if (vault.keyId === undefined) {
    const problem = `${vault.problem ?? 'there is no key'}. ${works}`
    return { state: sealed === 0 ? 'none' : 'no-key', sealed, closed, problem }
  }
  if (closed === 0) return { state: 'ok', key: vault.keyId, sealed, closed }
  const problem =
    `${closed} of ${sealed} secrets do not open with key ${vault.keyId}: name the key that they were ` +
    `sealed under in secrets.previousKeyFiles, or set those tokens again. ${works}`
  return { state: 'wrong-key', key: vault.keyId, sealed, closed, problem }
}
