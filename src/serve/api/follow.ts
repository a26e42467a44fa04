import type { Store, StoredEvent } from '../../store/store.ts'
import type { BootId, MachineId } from '../../values/ids.ts'

export interface Following {
  /** The last event that the reader has; absent: it wants what happens from now on. */
  readonly after?: number
  readonly machine?: MachineId
  readonly boot?: BootId
  readonly heartbeatMs: number
}

/** Events read from the store at a time, and so all that a slow reader costs in memory. */
const pageSize = 100

/**
 * Timeline events without gap and without repeat, for as long as the reader stays. What the store
 * announces only wakes the reader up; the events themselves are always read from the store, after the
 * last that was taken. So there is no buffer that a slow reader could fill or overflow.
 *
 * Subscribes at once, not with the first `next()`: what happens in between counts.
 */
export function follow(
  store: Pick<Store, 'events' | 'subscribe'>,
  gone: AbortSignal,
  { after, machine, boot, heartbeatMs }: Following,
): AsyncIterable<StoredEvent | 'idle'> {
  let position = after
  let news = true
  let wake = () => {}
  const rouse = () => {
    news = true
    wake()
  }
  const unsubscribe = store.subscribe((change) => {
    if (change.kind !== 'event.add') return
    const { event } = change
    if (machine !== undefined && event.machine !== machine) return
    if (boot !== undefined && event.boot !== boot) return
    position ??= event.seq - 1
    rouse()
  })
  const leave = () => {
    unsubscribe()
    rouse()
  }
  gone.addEventListener('abort', leave, { once: true })
  if (gone.aborted) unsubscribe()

  return (async function* () {
    try {
      while (!gone.aborted) {
        if (!news) {
          const idle = await new Promise<boolean>((resolve) => {
            const timer = setTimeout(() => resolve(true), heartbeatMs)
            wake = () => {
              clearTimeout(timer)
              resolve(false)
            }
          })
          if (idle) yield 'idle'
          continue
        }
        news = false
        if (position === undefined) continue
        const page = await store.events({
          after: position,
          limit: pageSize,
          ...(machine === undefined ? {} : { machine }),
          ...(boot === undefined ? {} : { boot }),
        })
        if (page.length === pageSize) news = true
        for (const event of page) {
          if (gone.aborted) return
          position = event.seq
          yield event
        }
      }
    } finally {
      unsubscribe()
    }
  })()
}
