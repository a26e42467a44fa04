import { pause, type BackOff } from './back-off.ts'
import { ClusterError, type Collection } from './cluster-api.ts'

export interface Follower<T> {
  /** All that there is: after the start, and whenever the thread was lost. */
  readonly all: (items: readonly T[]) => void
  readonly put: (item: T) => void
  readonly deleted: (item: T) => void
  /** Told once for each trouble, and once when it is over (undefined). */
  readonly trouble: (error: ClusterError | undefined) => void
}

/**
 * Keeps up with a collection until the signal says stop: lists, watches from there, watches again
 * where a watch ended, and lists again when the server has forgotten where that was
 * (Kubernetes, "Efficient detection of changes"). What an item says is told at least once, and the
 * latest of it always; what was in between may be missing.
 */
export async function follow<T>(
  collection: Collection<T>,
  follower: Follower<T>,
  backOff: BackOff,
  signal: AbortSignal,
): Promise<void> {
  let version: string | undefined
  let troubled = false
  const answered = (): void => {
    backOff.succeeded()
    if (troubled) follower.trouble(undefined)
    troubled = false
  }
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const listed = await collection.list(signal)
        version = listed.version
        answered()
        follower.all(listed.items)
      }
      for await (const event of collection.watch(version, signal)) {
        version = event.version
        answered()
        if (event.kind === 'put') follower.put(event.item)
        else if (event.kind === 'delete') follower.deleted(event.item)
      }
      // A server that ends each watch at once is not asked in a tight loop.
      if (!signal.aborted) await pause(100, signal)
    } catch (error) {
      if (signal.aborted) return
      const failure = asClusterError(error)
      if (failure.kind === 'expired' || failure.kind === 'unexpected') version = undefined
      if (failure.kind !== 'expired' && !troubled) {
        troubled = true
        follower.trouble(failure)
      }
      await pause(backOff.failed(), signal)
    }
  }
}

/** Anything else is an answer that was not understood. */
const asClusterError = (error: unknown): ClusterError =>
  error instanceof ClusterError
    ? error
    : new ClusterError('unexpected', error instanceof Error ? error.message : String(error), {
        cause: error,
      })
