/** Makes the reader's caller's own error out of where and why a read failed. */
export type Failure = (offset: number, field: string, problem: string) => Error

/**
 * Reads big-endian numbers and runs of octets, each checked against the end before it is touched.
 * `field` says what is being read, for the error. What it hands out are views, not copies.
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #failure: Failure
  #offset = 0

  constructor(bytes: Uint8Array, failure: Failure) {
    this.#bytes = bytes
    this.#failure = failure
  }

  get offset(): number {
    return this.#offset
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  u8(field: string): number {
    return this.#number(1, field)
  }

  u16(field: string): number {
    return this.#number(2, field)
  }

  u32(field: string): number {
    return this.#number(4, field)
  }

  take(length: number, field: string): Uint8Array {
    const start = this.#advance(length, field)
    return this.#bytes.subarray(start, this.#offset)
  }

  /** The caller's error, placed at the octet that would be read next. */
  fail(field: string, problem: string): Error {
    return this.#failure(this.#offset, field, problem)
  }

  #number(octets: 1 | 2 | 4, field: string): number {
    let value = 0
    for (let at = this.#advance(octets, field); at < this.#offset; at++) {
      value = value * 256 + (this.#bytes[at] ?? 0)
    }
    return value
  }

  /** Returns where the octets begin that are now behind the offset. */
  #advance(octets: number, field: string): number {
    if (octets > this.remaining) {
      throw this.fail(field, `needs ${octets} octets, ${this.remaining} are left`)
    }
    const start = this.#offset
    this.#offset += octets
    return start
  }
}
