import type { Sha256, TokenId } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'

/** A bearer token of the management API. Only its hash is kept: it can be checked, never shown. */
export interface ApiToken {
  readonly id: TokenId
  readonly name: string
  readonly digest: Sha256
  readonly created: EpochMs
}
