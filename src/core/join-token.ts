import type { BootToken } from './boot-token.ts'
import type { Boot } from './boot.ts'
import type { EpochMs } from '../values/time.ts'

/** What is to be done about a minted token at this moment. */
export type TokenDuty =
  | { readonly kind: 'mint' }
  /** Put its Secret into the cluster, or find it there. */
  | { readonly kind: 'create' }
  | { readonly kind: 'withhold'; readonly reason: string }
  /** Take its Secret out of the cluster. */
  | { readonly kind: 'remove'; readonly reason: string }
  | { readonly kind: 'nothing' }

/** @param latest the latest boot of the token's machine; undefined when the machine is gone */
export function tokenDuty(token: BootToken, latest: Boot | undefined, now: EpochMs): TokenDuty {
  if (token.source !== 'minted') return { kind: 'nothing' }
  const over = whyOver(token, latest, now)
  switch (token.state) {
    case 'wanted':
      return over === undefined ? { kind: 'mint' } : { kind: 'withhold', reason: over }
    case 'minting':
      return over === undefined ? { kind: 'create' } : { kind: 'withhold', reason: over }
    case 'ready':
      return over === undefined ? { kind: 'nothing' } : { kind: 'withhold', reason: over }
    case 'claimed':
    case 'sent':
      return token.inCluster && over !== undefined
        ? { kind: 'remove', reason: over }
        : { kind: 'nothing' }
    case 'lost':
    case 'withheld':
      return token.inCluster
        ? { kind: 'remove', reason: token.why ?? token.state }
        : { kind: 'nothing' }
  }
}

function whyOver(token: BootToken, latest: Boot | undefined, now: EpochMs): string | undefined {
  if (latest === undefined) return 'its machine has left the inventory'
  if (latest.id !== token.boot || latest.outcome === 'superseded') {
    return 'its machine was powered on again'
  }
  if (latest.stage === 'ready') return 'its node is Ready'
  return now >= token.expires ? "the boot's window is over" : undefined
}
