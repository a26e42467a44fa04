import type { Hostname } from '../values/hostname.ts'
import type { BootId, MachineId } from '../values/ids.ts'
import { accepted, refused, type Parsed } from '../values/parse.ts'
import type { EpochMs } from '../values/time.ts'

/** Kubernetes, "Authenticating with Bootstrap Tokens": 6 characters of [a-z0-9]; not secret. */
export type BootstrapTokenId = string & { readonly __brand: 'BootstrapTokenId' }

/** A secret under the server's key (AES-256-GCM), as text: it may be stored, and backed up. */
export type Sealed = string & { readonly __brand: 'Sealed' }

/**
 * - `wanted`: the boot began; there is no token yet
 * - `minting`: id and secret are chosen and on the disk; the cluster has yet to be told, or to answer
 * - `ready`: can be handed out
 * - `claimed`: on the disk before the first octet is sent; never goes out again, whatever happens next
 * - `sent`: the whole document has left
 * - `lost`: claimed, and then the connection or this server broke: the machine must boot again
 * - `withheld`: the boot's window closed, or it was superseded, before anybody could have it
 */
export type TokenState = 'wanted' | 'minting' | 'ready' | 'claimed' | 'sent' | 'lost' | 'withheld'

/** The bootstrap token of one boot of one machine. */
export interface BootToken {
  readonly boot: BootId
  readonly machine: MachineId
  /** The only node name that may be joined with it. */
  readonly hostname: Hostname
  readonly source: 'minted' | 'stored'
  readonly state: TokenState
  readonly id?: BootstrapTokenId
  /** The 16 secret characters, sealed; gone as soon as they can't be handed out any more. */
  readonly secret?: Sealed
  /** Why it was lost or withheld, in words. */
  readonly why?: string
  /** The boot window's end; a minted token's `expiration` in the cluster. */
  readonly expires: EpochMs
  /** Minted tokens only: whether its Secret may still be in the cluster. */
  readonly inCluster: boolean
}

/** A token that people put here, for a cluster that we cannot reach. It can't be read back. */
export interface StoredToken {
  /** `machine:<id>` or `group:<name>`; the machine's own counts before its group's. */
  readonly owner: string
  readonly id: BootstrapTokenId
  readonly secret: Sealed
  readonly expires?: EpochMs
  readonly updated: EpochMs
}

export const ownedByMachine = (machine: MachineId): string => `machine:${machine}`
export const ownedByGroup = (group: string): string => `group:${group}`

/** What a sealed secret belongs to: one that was moved to another record does not open. */
export const bootTokenRecord = ({ boot, machine }: Pick<BootToken, 'boot' | 'machine'>): string =>
  `boot-token ${boot} ${machine}`
export const storedTokenRecord = ({ owner, id }: Pick<StoredToken, 'owner' | 'id'>): string =>
  `stored-token ${owner} ${id}`

/** `abcdef.0123456789abcdef` (Kubernetes, "Token Format"). The 16 characters are the secret. */
export function parseBootstrapToken(
  text: string,
): Parsed<{ readonly id: BootstrapTokenId; readonly secret: string }> {
  const found = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text)
  const [, id, secret] = found ?? []
  // What was given is not repeated: it may be a token with a slip in it.
  if (id === undefined || secret === undefined) {
    return refused('is not a bootstrap token: 6 of a-z and 0-9, a dot, and 16 of a-z and 0-9')
  }
  return accepted({ id: id as BootstrapTokenId, secret })
}
