import type { EpochMs } from '../values/time.ts'
import { errorCode, type TftpMessage, type TftpRequest } from '../wire/tftp.ts'
import { printable, type TftpGrant } from './tftp.ts'

/** How long an unanswered packet is waited for, unless the client negotiated its own timeout. */
export interface Patience {
  /** Milliseconds before the first retransmission; doubles with each further one. */
  readonly firstMs: number
  /** Milliseconds; the doubling stops here. */
  readonly longestMs: number
  /** How often one packet or window is sent before the client counts as gone. */
  readonly sends: number
}

/** Gives up after 1 + 2 + 4 + 8 + 8 = 23 s of silence. */
export const defaultPatience: Patience = { firstMs: 1000, longestMs: 8000, sends: 5 }

export type TransferEnd =
  /** The last block was acknowledged. */
  | { readonly kind: 'completed' }
  /** The client answered our OACK with an ERROR (RFC 2347): firmware asks for a file's size so. Normal. */
  | { readonly kind: 'declined'; readonly reason: string }
  /** The client had not answered at all, and its place was needed for another. */
  | { readonly kind: 'evicted'; readonly reason: string }
  | { readonly kind: 'aborted'; readonly reason: string }
  | { readonly kind: 'timed-out'; readonly reason: string }

export interface TransferReport {
  readonly end: TransferEnd
  /** Octets of the file that the client acknowledged. */
  readonly bytes: number
  /** Packets sent more than once, counted each time. */
  readonly retransmits: number
  /** From request to end. */
  readonly ms: number
}

/**
 * One file on its way to one client. It holds no socket and no clock: `process` takes what came,
 * `dispatch` gives what is to go out until there is nothing more, and `pollAt` says when to ask again.
 * Everything that moves a transfer is in this file.
 *
 * Blocks are counted without end here and folded to 16 bits on the wire, where they roll over to 0.
 * The OACK stands in for block 0: it is acknowledged as block 0 and repeated like any other.
 */
export class Transfer {
  readonly #grant: TftpGrant
  readonly #request: TftpRequest
  readonly #patience: Patience
  readonly #started: EpochMs
  /** The final block, shorter than the others and perhaps empty (RFC 1350 section 6). */
  readonly #last: number
  /** Highest block acknowledged; -1 while the OACK is out. */
  #acked: number
  /** Next block to send. */
  #next: number
  /** Highest block ever sent. */
  #sent: number
  /**
   * Highest block sent when the transfer last went back. ACKs up to here may be echoes of what was sent
   * twice, so they never make it go back again: that would feed the Sorcerer's Apprentice (RFC 1123
   * section 4.2.3.1), whose doubling never ends. TCP knows this as `recover` (RFC 6582).
   */
  #recovered: number
  #silences = 0
  #deadline: EpochMs
  #retransmits = 0
  #farewell: TftpMessage | undefined
  #report: TransferReport | undefined

  constructor(grant: TftpGrant, request: TftpRequest, now: EpochMs, patience = defaultPatience) {
    this.#grant = grant
    this.#request = request
    this.#patience = patience
    this.#started = now
    this.#deadline = now
    this.#last = Math.floor(grant.content.length / grant.blockSize) + 1
    this.#acked = beforeFirst(grant)
    this.#next = this.#acked + 1
    this.#sent = this.#acked
    this.#recovered = 0
  }

  /** What became of it; undefined while it runs. */
  get report(): TransferReport | undefined {
    return this.#report
  }

  /**
   * Whether the first packet has gone unanswered for a whole wait. Perhaps nobody is there; one who is
   * has had the time to say so, also amid hundreds that were powered on at once.
   */
  get isUnanswered(): boolean {
    return this.#silences > 0 && this.#acked === beforeFirst(this.#grant)
  }

  /** When a running transfer's `dispatch`, having returned undefined, has something again. */
  get pollAt(): EpochMs {
    return this.#deadline
  }

  /** Takes a packet from the client's own address and port. */
  process(message: TftpMessage, now: EpochMs): void {
    if (this.#report !== undefined) return
    switch (message.op) {
      case 'ack':
        return this.#acknowledged(message.block, now)
      case 'error': {
        const reason = `ERROR ${message.code} from the client: ${printable(message.message)}`
        this.#finish({ kind: this.#acked < 0 ? 'declined' : 'aborted', reason }, now)
        return
      }
      case 'rrq':
      case 'wrq':
      case 'data':
      case 'oack':
        // Nothing that a reader says to its transfer; what it waits for, it gets by the timer.
        return
    }
  }

  /** The next packet to send now; undefined when there is none (ask again at `pollAt`). */
  dispatch(now: EpochMs): TftpMessage | undefined {
    const windowIsOut = this.#next > this.#windowEnd()
    if (this.#report === undefined && windowIsOut && now >= this.#deadline) this.#silence(now)
    if (this.#report !== undefined) return this.#takeFarewell()
    if (this.#next > this.#windowEnd()) return undefined
    const block = this.#next
    if (block <= this.#sent) this.#retransmits += 1
    this.#sent = Math.max(this.#sent, block)
    this.#next += 1
    this.#deadline = this.#deadlineFrom(now)
    return this.#packet(block)
  }

  /** Ends the transfer from our side, if it still runs; `dispatch` then tells the client. */
  abort(reason: string, now: EpochMs): TransferReport {
    if (this.#report !== undefined) return this.#report
    this.#farewell = { op: 'error', code: errorCode.notDefined, message: reason }
    return this.#finish({ kind: 'aborted', reason }, now)
  }

  /**
   * Whether a request from this transfer's client starts afresh, so that this transfer is over. The
   * same request again is a repetition, unless the client has since taken a part of the file and then
   * gone silent: it was reset, and uses the same port.
   */
  isSupersededBy(request: TftpRequest): boolean {
    return !sameRequest(request, this.#request) || (this.#acked > 0 && this.#silences > 0)
  }

  /** Ends the transfer without a word: its client talks to the next one already. */
  supersede(now: EpochMs): void {
    if (this.#report !== undefined) return
    this.#finish({ kind: 'aborted', reason: 'the client started afresh' }, now)
  }

  /**
   * Ends the transfer for another's sake, without a word: most likely nobody is there, and who is asks
   * again after a silence, but not after an ERROR.
   */
  evict(now: EpochMs): void {
    if (this.#report !== undefined) return
    this.#finish({ kind: 'evicted', reason: 'it never answered, and others waited' }, now)
  }

  #acknowledged(wireBlock: number, now: EpochMs): void {
    const ahead = (wireBlock - this.#acked) & 0xffff
    if (ahead > this.#sent - this.#acked) return // of a block not in flight: an old one
    if (ahead > 0) {
      this.#acked += ahead
      this.#silences = 0
      this.#deadline = this.#deadlineFrom(now)
      if (this.#acked === this.#last) return void this.#finish({ kind: 'completed' }, now)
    } else if (this.#grant.windowSize === 1) {
      return // Lock-step: a repeated ACK never makes us repeat DATA (RFC 1123 section 4.2.3.1).
    }
    // With windows, an ACK short of the window's end says that the next block is missing (RFC 7440
    // section 4), and so does a repeated one.
    if (this.#acked < this.#sent && this.#acked > this.#recovered) this.#goBack()
    this.#next = Math.max(this.#next, this.#acked + 1)
  }

  #silence(now: EpochMs): void {
    this.#silences += 1
    if (this.#silences < this.#patience.sends) return this.#goBack()
    const what = this.#acked < 0 ? 'the OACK' : `block ${this.#acked + 1} of ${this.#last}`
    this.#finish({ kind: 'timed-out', reason: `no answer to ${what}` }, now)
  }

  #goBack(): void {
    this.#next = this.#acked + 1
    this.#recovered = this.#sent
  }

  #packet(block: number): TftpMessage {
    const { blockSize, content, options } = this.#grant
    if (block === 0) return { op: 'oack', options }
    const data = content.subarray((block - 1) * blockSize, block * blockSize)
    return { op: 'data', block: block & 0xffff, data }
  }

  #windowEnd(): number {
    if (this.#acked < 0) return 0
    return Math.min(this.#last, this.#acked + this.#grant.windowSize)
  }

  /**
   * The client's own timeout holds once it has answered. Before, it may be nobody (a forged address),
   * who shall not hold a transfer for 255 s at a time.
   */
  #deadlineFrom(now: EpochMs): EpochMs {
    const { firstMs, longestMs } = this.#patience
    const { timeout } = this.#grant
    const wait =
      timeout !== undefined && this.#acked >= 0
        ? timeout * 1000
        : Math.min(firstMs * 2 ** this.#silences, longestMs)
    return (now + wait) as EpochMs
  }

  #finish(end: TransferEnd, now: EpochMs): TransferReport {
    const { blockSize, content } = this.#grant
    const bytes = Math.min(Math.max(this.#acked, 0) * blockSize, content.length)
    this.#report = { end, bytes, retransmits: this.#retransmits, ms: now - this.#started }
    return this.#report
  }

  #takeFarewell(): TftpMessage | undefined {
    const farewell = this.#farewell
    this.#farewell = undefined
    return farewell
  }
}

/** The block before the first packet, which is the OACK (as block 0) or block 1. */
const beforeFirst = ({ options }: TftpGrant): number => (options.length > 0 ? -1 : 0)

const sameRequest = (a: TftpRequest, b: TftpRequest): boolean =>
  a.op === b.op &&
  a.file === b.file &&
  a.options.length === b.options.length &&
  a.options.every(({ name, value }, index) => {
    const other = b.options[index]
    return name === other?.name && value === other.value
  })
