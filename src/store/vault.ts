import type { Sealed } from '../core/boot-token.ts'
import { refused, type Parsed } from '../values/parse.ts'
import { keyIdOf, seal, unseal, type SealingKey } from './seal.ts'

/**
 * Seals and opens secrets. Without its key a server still names, images and boots machines: it only
 * has no secrets to give.
 */
export interface Vault {
  /** The key that seals; undefined when there is none. */
  readonly keyId: string | undefined
  /** Why there is no key, in words. */
  readonly problem: string | undefined
  readonly seal: (text: string, record: string) => Parsed<Sealed>
  readonly open: (sealed: Sealed, record: string) => Parsed<string>
  /** Whether the text is sealed under the key that seals now. */
  readonly isCurrent: (sealed: Sealed) => boolean
}

/** @param keys the first seals; all of them open */
export function openVault(
  keys: readonly [SealingKey, ...SealingKey[]],
  random: (octets: number) => Uint8Array,
): Vault {
  const [first] = keys
  return {
    keyId: first.id,
    problem: undefined,
    seal: (text, record) => ({ ok: true, value: seal(first, text, record, random(12)) }),
    open: (sealed, record) => unseal(keys, sealed, record),
    isCurrent: (sealed) => keyIdOf(sealed) === first.id,
  }
}

export const closedVault = (problem: string): Vault => ({
  keyId: undefined,
  problem,
  seal: () => refused(problem),
  open: () => refused(problem),
  isCurrent: () => false,
})
