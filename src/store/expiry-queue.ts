import type { Ipv4 } from '../values/ipv4.ts'
import type { EpochMs } from '../values/time.ts'

export interface Expiry {
  readonly address: Ipv4
  readonly expires: EpochMs
}

/**
 * A binary heap of lease ends, the earliest first. Renewals leave their old entry behind; `isCurrent`
 * tells the stale ones apart, and they are dropped when they reach the top or outnumber the others.
 */
export class ExpiryQueue {
  #heap: Expiry[] = []
  readonly #isCurrent: (entry: Expiry) => boolean

  constructor(isCurrent: (entry: Expiry) => boolean) {
    this.#isCurrent = isCurrent
  }

  get size(): number {
    return this.#heap.length
  }

  push(entry: Expiry): void {
    this.#heap.push(entry)
    this.#rise(this.#heap.length - 1)
  }

  /** The earliest entry that is still current; it stays in the queue. */
  peek(): Expiry | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || this.#isCurrent(first)) return first
      this.#dropFirst()
    }
  }

  /** Keeps the queue within about twice the number of current entries, at constant cost a push. */
  compactAbove(current: number): void {
    if (this.#heap.length <= 2 * current + 64) return
    const kept = this.#heap.filter((entry) => this.#isCurrent(entry))
    this.#heap = kept.sort((a, b) => a.expires - b.expires) // a sorted array is a heap
  }

  #dropFirst(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #rise(start: number): void {
    for (let at = start; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfEarlier(at, parent)) return
      at = parent
    }
  }

  #sink(start: number): void {
    for (let at = start; ;) {
      const left = 2 * at + 1
      const right = left + 1
      const earlier = this.#expires(right) < this.#expires(left) ? right : left
      if (earlier >= this.#heap.length || !this.#swapIfEarlier(earlier, at)) return
      at = earlier
    }
  }

  #expires(index: number): number {
    return this.#heap[index]?.expires ?? Number.POSITIVE_INFINITY
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const a = this.#heap[child]
    const b = this.#heap[parent]
    if (a === undefined || b === undefined || a.expires >= b.expires) return false
    this.#heap[child] = b
    this.#heap[parent] = a
    return true
  }
}
