import { pause, type BackOff } from './back-off.ts'
import { ClusterError } from './cluster-api.ts'

export interface WorkQueueOptions<K> {
  /** Brings what the key names up to date, as far as that is possible now. */
  readonly work: (key: K, signal: AbortSignal) => Promise<void>
  /** How many at once. */
  readonly concurrency: number
  readonly backOff: BackOff
  /** Told once when the cluster fails, and once when it does not any more (undefined). */
  readonly trouble: (error: ClusterError | undefined) => void
  /** Each key whose work has to wait for the cluster, as often as it has to. */
  readonly waiting?: (key: K, error: ClusterError) => void
  /** What is no fault of the cluster. The key is tried again. */
  readonly failed: (key: K, error: unknown) => void
  readonly signal: AbortSignal
}

/**
 * Keys to be worked on: each once at a time, and once more when it is added meanwhile. When the
 * cluster is away all of them wait together, however many they are, and one goes ahead to look.
 */
export class WorkQueue<K> {
  readonly #options: WorkQueueOptions<K>
  readonly #waiting = new Set<K>()
  readonly #running = new Map<K, Promise<void>>()
  #trouble: ClusterError | undefined
  #isPausing = false

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size + this.#running.size
  }

  add(key: K): void {
    if (this.#options.signal.aborted || this.#waiting.has(key)) return
    this.#waiting.add(key)
    if (this.#trouble !== undefined) this.#options.waiting?.(key, this.#trouble)
    this.#start()
  }

  /** When all that is under way has ended. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  #start(): void {
    const most = this.#trouble === undefined ? this.#options.concurrency : 1
    if (this.#isPausing || this.#options.signal.aborted) return
    for (const key of this.#waiting) {
      if (this.#running.size >= most) return
      if (this.#running.has(key)) continue
      this.#waiting.delete(key)
      const run = this.#run(key).finally(() => {
        this.#running.delete(key)
        this.#start()
      })
      this.#running.set(key, run)
    }
  }

  async #run(key: K): Promise<void> {
    const { work, backOff, signal, trouble, failed } = this.#options
    try {
      await work(key, signal)
      backOff.succeeded()
      if (this.#trouble !== undefined) trouble(undefined)
      this.#trouble = undefined
    } catch (error) {
      if (signal.aborted) return
      this.#waiting.add(key)
      if (error instanceof ClusterError) this.#begin(error)
      else failed(key, error)
      await this.#pause()
    }
  }

  #begin(error: ClusterError): void {
    if (this.#trouble === undefined) this.#options.trouble(error)
    this.#trouble = error
    for (const key of this.#waiting) this.#options.waiting?.(key, error)
  }

  /** One pause for all that fail in the meantime. */
  async #pause(): Promise<void> {
    if (this.#isPausing) return
    this.#isPausing = true
    const { backOff, signal } = this.#options
    await pause(backOff.failed(), signal)
    this.#isPausing = false
  }
}
