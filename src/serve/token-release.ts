import type { Logger } from 'pino'
import type { Boot } from '../core/boot.ts'
import type { Group } from '../core/group.ts'
import { decideRelease, type Release } from '../core/release.ts'
import { moveToken } from '../core/token-lifecycle.ts'
import type { Store } from '../store/store.ts'
import type { Vault } from '../store/vault.ts'
import type { BootId } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { EpochMs } from '../values/time.ts'
import type { Exchange } from './connection.ts'
import { brokenOff } from './byte-response.ts'
import type { Metrics } from './metrics.ts'

export interface TokenReleaseDeps {
  readonly store: Pick<Store, 'facts' | 'update'>
  readonly clock: () => EpochMs
  readonly groups: readonly Group[]
  readonly vault: Pick<Vault, 'open'>
  readonly metrics?: Pick<Metrics, 'tokensReleased' | 'tokensRefused'> | undefined
  readonly log: Pick<Logger, 'error' | 'warn'>
}

/**
 * Asks for the secret of a boot in the name of one request. After `release` it is claimed on the disk,
 * and what becomes of the answer on its way out is recorded by itself.
 */
export type ReleaseToken = (
  boot: Boot,
  source: Ipv4 | undefined,
  exchange: Exchange,
) => Promise<Release>

export function tokenRelease(deps: TokenReleaseDeps): ReleaseToken {
  const { store, clock, groups, vault, metrics, log } = deps

  return async (boot, source, exchange) => {
    // Most machines never had one: nothing of them waits for the disk.
    if (store.facts.bootToken(boot.id) === undefined) return { kind: 'none' }
    const ask = { boot: boot.id, source, isOpen: exchange.isOpen(), open: vault.open }
    const answer = await store.update((facts) => decideRelease(facts, groups, ask, clock()))
    switch (answer.kind) {
      case 'release':
        exchange.onEnd((whole) => ended(boot.id, whole))
        break
      case 'without':
        metrics?.tokensRefused.inc({ reason: answer.refusal })
        if (answer.alarm) alarm(boot, answer)
        break
      case 'none':
      case 'wait':
        break
    }
    return answer
  }

  function ended(boot: BootId, whole: boolean): void {
    metrics?.tokensReleased.inc({ outcome: whole ? 'sent' : 'lost' })
    const step = whole
      ? ({ kind: 'sent' } as const)
      : ({ kind: 'lose', reason: brokenOff } as const)
    store
      .update((facts) => moveToken(facts, boot, step, clock()))
      // It stays claimed, and the next start counts it as lost: it never goes out again.
      .catch((error: unknown) => log.error({ err: error, boot }, 'what became of a token is lost'))
  }

  function alarm(
    boot: Boot,
    { refusal, reason, token }: Extract<Release, { kind: 'without' }>,
  ): void {
    const machine = store.facts.machine(boot.machine)?.hostname
    const about = { alarm: 'token.refused', machine, boot: boot.id, token, refusal, reason }
    log.warn(about, `no bootstrap token for ${machine ?? boot.machine}: ${reason}`)
  }
}
