import { createHash } from 'node:crypto'
import type { ApiToken } from '../../core/api-token.ts'
import { tokenId, type Sha256 } from '../../values/ids.ts'
import type { EpochMs } from '../../values/time.ts'

/** The prefix lets people and secret scanners tell what a stray token is for. */
const prefix = 'rollcall_'

/** A new API token: `text` is shown once and then known to its owner only. */
export function mintApiToken(
  name: string,
  random: (bytes: number) => Uint8Array,
  created: EpochMs,
): { readonly token: ApiToken; readonly text: string } {
  const text = prefix + Buffer.from(random(32)).toString('base64url')
  return { token: { id: tokenId(random(5)), name, digest: tokenDigest(text), created }, text }
}

/**
 * Plain SHA-256: a token has 256 random bits, which no dictionary holds. For the same reason the
 * look-up by digest need not take constant time: what it could leak is of no use without a preimage.
 */
export const tokenDigest = (text: string): Sha256 =>
  createHash('sha256').update(text).digest('hex') as Sha256
