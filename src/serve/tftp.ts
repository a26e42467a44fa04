import type { RemoteInfo } from 'node:dgram'
import { answerRequest, defaultLimits, type TftpGrant, type TftpLimits } from '../core/tftp.ts'
import { defaultPatience, Transfer, type Patience } from '../core/tftp-transfer.ts'
import type { EpochMs } from '../values/time.ts'
import type { TftpRequest } from '../wire/tftp.ts'
import {
  endEvent,
  type TftpDropReason,
  type TftpDrops,
  type TftpEvent,
  type TftpPeer,
} from './tftp-event.ts'
import { TransferPlaces } from './tftp-places.ts'
import { openSocket, readMessage, send, senderOf } from './tftp-socket.ts'
import { TransferTask } from './tftp-transfer.ts'

export interface TftpServerOptions {
  /** The IPv4 address to listen on; transfers leave from it too. */
  readonly address: string
  /** 69 by RFC 1350; 0 takes a free one. */
  readonly port: number
  /** The whole virtual root: the content of a flat name. */
  readonly files: (name: string) => Uint8Array | undefined
  readonly clock: () => EpochMs
  readonly onEvent?: (event: TftpEvent) => void
  /** Hears of each packet that led to nothing. */
  readonly onDrop?: (reason: TftpDropReason) => void
  /** Transfers at once. A request beyond it is dropped, so that the client asks again. */
  readonly maxTransfers?: number
  /** Transfers at once to one address: firmware has one, or two if it was reset. */
  readonly maxPerAddress?: number
  readonly limits?: TftpLimits
  readonly patience?: Patience
  /** Where the sockets come from. */
  readonly open?: typeof openSocket
}

export interface TftpServer {
  readonly address: string
  readonly port: number
  /** Since the start. */
  readonly drops: Readonly<TftpDrops>
  /** Transfers under way. */
  readonly running: number
  /** Takes no more requests; a transfer that still runs after `drainMs` milliseconds is aborted. */
  readonly stop: (options?: { readonly drainMs?: number }) => Promise<void>
}

/**
 * A read-only TFTP server (RFC 1350) with options (RFC 2347, 2348, 2349, 7440).
 *
 * @throws the system's error if the address and port cannot be had (EADDRINUSE, EACCES, …)
 */
export async function startTftpServer({
  address,
  port,
  files,
  clock,
  onEvent = () => undefined,
  onDrop = () => undefined,
  maxTransfers = 1024,
  maxPerAddress = 32,
  limits = defaultLimits,
  patience = defaultPatience,
  open = openSocket,
}: TftpServerOptions): Promise<TftpServer> {
  const listener = await open(address, port)
  // Refusals, too, come from a port of their own, where a client looks for its transfer.
  const refusals = await open(address, 0)
  const places = new TransferPlaces<TransferTask>(maxTransfers, maxPerAddress)
  /** Those that have left their places too, until their sockets are closed. */
  const unfinished = new Set<Promise<void>>()
  let begun = 0

  const drops: TftpDrops = { busy: 0, malformed: 0, repeated: 0, strangers: 0, unsent: 0 }
  const drop = (reason: TftpDropReason): void => {
    drops[reason] += 1
    onDrop(reason)
  }

  const receive = (bytes: Uint8Array, from: RemoteInfo): void => {
    const request = readMessage(bytes)
    const peer = senderOf(from)
    if (peer === undefined) return drop('malformed')
    if (request?.op !== 'rrq' && request?.op !== 'wrq') return drop('malformed')
    const running = places.at(peer)
    if (running?.isSupersededBy(request) === false) return drop('repeated')
    if (running !== undefined) {
      places.release(peer, running)
      running.supersede()
    }
    const answer = answerRequest(request, files, limits)
    switch (answer.kind) {
      case 'refusal': {
        const { file, error } = answer
        send(refusals, error, peer, () => drop('unsent'))
        onEvent({ kind: 'refused', peer, file, code: error.code, reason: error.message })
        return
      }
      case 'grant':
        if (places.makeRoom(peer.address)) begin(answer, request, peer)
        else drop('busy')
        return
    }
  }

  const begin = (grant: TftpGrant, request: TftpRequest, peer: TftpPeer): void => {
    const { file, blockSize, windowSize } = grant
    const transfer = new Transfer(grant, request, clock(), patience)
    const task = new TransferTask({ transfer, peer, address, clock, open, onDrop: drop })
    places.take(peer, task)
    begun += 1
    const which = { peer, file, transfer: begun }
    onEvent({ kind: 'started', ...which, size: grant.content.length, blockSize, windowSize })
    const finish = async (): Promise<void> => {
      const report = await task.done
      places.release(peer, task)
      unfinished.delete(finished)
      onEvent(endEvent(which, report))
    }
    const finished = finish()
    unfinished.add(finished)
  }

  listener.on('message', receive)
  let stopping: Promise<void> | undefined

  const stopNow = async (drainMs: number): Promise<void> => {
    listener.close()
    const deadline = setTimeout(() => {
      for (const task of places.tasks()) task.abort('the server is stopping')
    }, drainMs)
    await Promise.all(unfinished)
    clearTimeout(deadline)
    refusals.close()
  }

  return {
    address,
    port: listener.address().port,
    drops,
    get running() {
      return places.taken
    },
    stop: ({ drainMs = 5000 } = {}) => (stopping ??= stopNow(drainMs)),
  }
}
