import type { Hostname } from '../values/hostname.ts'
import type { BootId, MachineId } from '../values/ids.ts'
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
