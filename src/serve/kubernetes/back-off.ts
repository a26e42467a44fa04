/** Random octets, as the daemon injects them. */
type Random = (octets: number) => Uint8Array

export interface BackOffOptions {
  readonly random: Random
  readonly firstMs?: number
  readonly mostMs?: number
}

/**
 * How long to wait after each failure in a row: twice as long each time, and between half of that and
 * all of it, so that several servers do not ask in step.
 */
export class BackOff {
  readonly #random: Random
  readonly #first: number
  readonly #most: number
  #failures = 0

  constructor({ random, firstMs = 500, mostMs = 30_000 }: BackOffOptions) {
    this.#random = random
    this.#first = firstMs
    this.#most = mostMs
  }

  /** @returns milliseconds */
  failed(): number {
    const full = Math.min(this.#most, this.#first * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 30)
    const [octet = 0] = this.#random(1)
    return (full * (1 + octet / 255)) / 2
  }

  succeeded(): void {
    this.#failures = 0
  }
}

/** Waits; sooner over when the signal says so, without failing. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((over) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      over()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
