import type { BootstrapTokenId } from '../../core/boot-token.ts'
import type { NodeReport } from '../../core/join-node.ts'
import type { ParsedCsr } from '../../core/join-request.ts'
import type { TokenSecret } from '../../core/join-secret.ts'

/** All that rollcall wants of a cluster. Whatever fails does so with a ClusterError. */
export interface ClusterApi {
  /**
   * `exists`: it is there, with this boot's labels: an earlier try got through.
   * `taken`: somebody else's Secret has this name.
   */
  createTokenSecret(
    secret: TokenSecret,
    signal: AbortSignal,
  ): Promise<'created' | 'exists' | 'taken'>
  /** Nothing happens to a Secret that is not ours; one that is not there is fine. */
  deleteTokenSecret(id: BootstrapTokenId, signal: AbortSignal): Promise<void>
  /** Those with this server's labels. */
  listTokenSecrets(signal: AbortSignal): Promise<readonly OurSecret[]>
  approveCsr(csr: ClusterCsr, message: string, signal: AbortSignal): Promise<CsrAnswer>
  denyCsr(csr: ClusterCsr, message: string, signal: AbortSignal): Promise<CsrAnswer>
  readonly csrs: Collection<ClusterCsr>
  readonly nodes: Collection<NodeReport>
}

export interface OurSecret {
  readonly id: BootstrapTokenId
}

/** `stale`: it was changed meanwhile, and the watch will bring the change. `gone`: deleted meanwhile. */
export type CsrAnswer = 'done' | 'stale' | 'gone'

export interface ClusterCsr {
  readonly csr: ParsedCsr
  /** Approved or denied, by us or anybody, or signed: no judgement is wanted any more. */
  readonly decided: boolean
  /** As the API server sent it: an approval goes to this very version and to no other. */
  readonly object: unknown
}

/** A kind of object that can be listed and then watched from there (Kubernetes, "API Concepts"). */
export interface Collection<T> {
  list(signal: AbortSignal): Promise<{ readonly items: readonly T[]; readonly version: string }>
  /**
   * What happens after `version`. Ends when the server ends it; fails with a ClusterError of kind
   * `expired` when the server has forgotten that version.
   */
  watch(version: string, signal: AbortSignal): AsyncIterable<Watched<T>>
}

export type Watched<T> =
  | { readonly kind: 'put'; readonly item: T; readonly version: string }
  | { readonly kind: 'delete'; readonly item: T; readonly version: string }
  /** Nothing happened up to this version. */
  | { readonly kind: 'bookmark'; readonly version: string }

export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  /**
   * - `unreachable`: no API server answered as it should; later one may
   * - `refused`: who we are is not known, or may not do this
   * - `expired`: the watch's version is too old
   * - `unexpected`: an answer that makes no sense
   */
  readonly kind: 'unreachable' | 'refused' | 'expired' | 'unexpected'

  constructor(kind: ClusterError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
