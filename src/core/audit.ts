import type { BootId, MachineId } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'
import type { BootstrapTokenId } from './boot-token.ts'

/**
 * Who was given or refused what, and on what evidence. Kept apart from the timeline, which forgets old
 * boots. Never holds a secret.
 */
export interface AuditEntry {
  readonly at: EpochMs
  readonly kind:
    | 'token.minted'
    | 'token.stored'
    | 'token.claimed'
    | 'token.sent'
    | 'token.lost'
    | 'token.refused'
    | 'token.withheld'
    | 'token.closed'
    | 'csr.approved'
    | 'csr.denied'
    | 'csr.left-alone'
    | 'node.ready'
  readonly machine?: MachineId
  readonly boot?: BootId
  readonly token?: BootstrapTokenId
  /** Why, in a sentence; for a refusal the evidence that was missing. */
  readonly reason?: string
  /** Facts that were looked at, like `address: 192.0.2.9`. */
  readonly evidence: Readonly<Record<string, string>>
}
