import type { EpochMs } from '../values/time.ts'

/**
 * Lets so many through in a window of time, and counts the rest: what anybody on the segment can cause
 * must not fill a log.
 */
export class RateLimit {
  readonly #most: number
  readonly #windowMs: number
  #opened = 0
  #passed = 0
  #held = 0

  constructor(most: number, windowMs = 60_000) {
    this.#most = most
    this.#windowMs = windowMs
  }

  /** @returns undefined to hold it back; otherwise how many were held back before this one */
  pass(now: EpochMs): number | undefined {
    // A clock that was set back opens a new window too.
    if (now - this.#opened >= this.#windowMs || now < this.#opened) {
      this.#opened = now
      this.#passed = 0
    }
    if (this.#passed >= this.#most) {
      this.#held += 1
      return undefined
    }
    this.#passed += 1
    const held = this.#held
    this.#held = 0
    return held
  }
}
