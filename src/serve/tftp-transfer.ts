import type { RemoteInfo, Socket } from 'node:dgram'
import type { Transfer, TransferReport } from '../core/tftp-transfer.ts'
import { formatIpv4 } from '../values/ipv4.ts'
import type { EpochMs } from '../values/time.ts'
import { errorCode, type TftpMessage, type TftpRequest } from '../wire/tftp.ts'
import type { TftpDropReason, TftpPeer } from './tftp-event.ts'
import { readMessage, send, senderOf, type openSocket } from './tftp-socket.ts'

export interface TransferTaskOptions {
  readonly transfer: Transfer
  readonly peer: TftpPeer
  /** The local address, the same that the request came to. */
  readonly address: string
  readonly clock: () => EpochMs
  readonly open: typeof openSocket
  readonly onDrop: (reason: TftpDropReason) => void
}

/** One transfer on a socket of its own, whose port is the server's transfer identifier. */
export class TransferTask {
  readonly #options: TransferTaskOptions
  readonly #host: string
  readonly #ended = Promise.withResolvers<TransferReport>()
  #socket: Socket | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires; Infinity without one. */
  #wakeAt = Infinity
  #latest = 0

  constructor(options: TransferTaskOptions) {
    this.#options = options
    this.#host = formatIpv4(options.peer.address)
    void this.#open()
  }

  /** Resolves once the transfer is over and its socket closed. */
  get done(): Promise<TransferReport> {
    return this.#ended.promise
  }

  get isUnanswered(): boolean {
    return this.#options.transfer.isUnanswered
  }

  isSupersededBy(request: TftpRequest): boolean {
    return this.#options.transfer.isSupersededBy(request)
  }

  supersede(): void {
    const now = this.#now()
    this.#options.transfer.supersede(now)
    this.#pump(now)
  }

  evict(): void {
    const now = this.#now()
    this.#options.transfer.evict(now)
    this.#pump(now)
  }

  abort(reason: string): void {
    const now = this.#now()
    this.#options.transfer.abort(reason, now)
    this.#pump(now)
  }

  async #open(): Promise<void> {
    const { transfer, address, open } = this.#options
    try {
      this.#socket = await open(address, 0)
    } catch (error) {
      // Out of descriptors or ports. The client hears nothing, so it asks again.
      const reason = error instanceof Error ? error.message : String(error)
      return this.#ended.resolve(transfer.abort(reason, this.#now()))
    }
    this.#socket.on('message', (bytes, from) => this.#receive(bytes, from))
    this.#pump(this.#now())
  }

  #receive(bytes: Uint8Array, from: RemoteInfo): void {
    const { transfer, peer } = this.#options
    const message = readMessage(bytes)
    if (from.port !== peer.port || from.address !== this.#host) {
      this.#options.onDrop('strangers')
      // An ERROR is never answered with an ERROR: two servers could go on so for ever.
      if (message !== undefined && message.op !== 'error') this.#turnAway(from)
      return
    }
    if (message === undefined) return
    const now = this.#now()
    transfer.process(message, now)
    this.#pump(now)
  }

  /** RFC 1350 section 4: whoever uses a wrong transfer identifier learns it, and the transfer goes on. */
  #turnAway(from: RemoteInfo): void {
    const code = errorCode.unknownTransferId
    const message = { op: 'error', code, message: 'unknown transfer' } as const
    const stranger = senderOf(from)
    if (stranger !== undefined) this.#send(message, stranger)
  }

  #pump(now: EpochMs): void {
    const { transfer, peer } = this.#options
    const socket = this.#socket
    if (socket === undefined) return
    for (let out = transfer.dispatch(now); out !== undefined; out = transfer.dispatch(now)) {
      this.#send(out, peer)
    }
    const { report } = transfer
    if (report === undefined) return this.#sleepUntil(transfer.pollAt, now)
    clearTimeout(this.#timer)
    this.#socket = undefined
    socket.close(() => this.#ended.resolve(report))
  }

  #send(message: TftpMessage, to: TftpPeer): void {
    if (this.#socket === undefined) return
    send(this.#socket, message, to, () => this.#options.onDrop('unsent'))
  }

  /** Most wake-ups are put off by an ACK: the timer stays, and looks again when it fires. */
  #sleepUntil(pollAt: EpochMs, now: EpochMs): void {
    if (this.#wakeAt <= pollAt) return
    clearTimeout(this.#timer)
    this.#wakeAt = pollAt
    this.#timer = setTimeout(() => {
      this.#wakeAt = Infinity
      this.#pump(this.#now(pollAt))
    }, pollAt - now)
  }

  /** Time that never goes back and has reached what a timer waited for, whatever is done to the clock. */
  #now(reached = 0): EpochMs {
    this.#latest = Math.max(this.#latest, this.#options.clock(), reached)
    return this.#latest as EpochMs
  }
}
