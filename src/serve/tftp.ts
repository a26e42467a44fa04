import type { RemoteInfo } from 'node:dgram'
import { answerRequest, defaultLimits, type TftpGrant, type TftpLimits } from '../core/tftp.ts'
import { defaultPatience, Transfer, type Patience } from '../core/tftp-transfer.ts'
import type { EpochMs } from '../values/time.ts'
import type { TftpRequest } from '../wire/tftp.ts'
import { endEvent, type TftpEvent, type TftpPeer } from './tftp-event.ts'
import { openSocket, peerOf, readMessage, send } from './tftp-socket.ts'
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
  /** Transfers at once. A request beyond it is dropped, so that the client asks again. */
  readonly maxTransfers?: number
  readonly limits?: TftpLimits
  readonly patience?: Patience
}

/** Packets that led to nothing, since the start. */
interface TftpDrops {
  /** Requests beyond `maxTransfers`. */
  busy: number
  /** Packets to the listening port that are no request. */
  malformed: number
  /** Requests repeated while their transfer ran. */
  repeated: number
  /** Packets to a transfer from somebody else. */
  strangers: number
}

export interface TftpServer {
  readonly address: string
  readonly port: number
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
  maxTransfers = 1024,
  limits = defaultLimits,
  patience = defaultPatience,
}: TftpServerOptions): Promise<TftpServer> {
  const listener = await openSocket(address, port)
  // Refusals, too, come from a port of their own, where a client looks for its transfer.
  const refusals = await openSocket(address, 0)
  const transfers = new Map<string, TransferTask>()
  const drops: TftpDrops = { busy: 0, malformed: 0, repeated: 0, strangers: 0 }

  const receive = (bytes: Uint8Array, from: RemoteInfo): void => {
    const request = readMessage(bytes)
    if (request?.op !== 'rrq' && request?.op !== 'wrq') {
      drops.malformed += 1
      return
    }
    const peer = peerOf(from)
    const key = keyOf(peer)
    const running = transfers.get(key)
    if (running?.isSupersededBy(request) === false) {
      drops.repeated += 1
      return
    }
    running?.supersede()
    const answer = answerRequest(request, files, limits)
    switch (answer.kind) {
      case 'refusal': {
        const { file, error } = answer
        send(refusals, error, peer)
        onEvent({ kind: 'refused', peer, file, code: error.code, reason: error.message })
        return
      }
      case 'grant':
        if (transfers.size >= maxTransfers) drops.busy += 1
        else void begin(answer, request, peer)
        return
    }
  }

  const begin = async (grant: TftpGrant, request: TftpRequest, peer: TftpPeer): Promise<void> => {
    const { file, blockSize, windowSize } = grant
    const transfer = new Transfer(grant, request, clock(), patience)
    const onStranger = (): void => void (drops.strangers += 1)
    const task = new TransferTask({ transfer, peer, address, clock, onStranger })
    const key = keyOf(peer)
    transfers.set(key, task)
    onEvent({ kind: 'started', peer, file, size: grant.content.length, blockSize, windowSize })
    const report = await task.done
    if (transfers.get(key) === task) transfers.delete(key)
    onEvent(endEvent(peer, file, report))
  }

  listener.on('message', receive)
  let stopping: Promise<void> | undefined

  const stopNow = async (drainMs: number): Promise<void> => {
    listener.close()
    const all = Promise.all(Array.from(transfers.values(), (task) => task.done))
    const deadline = setTimeout(() => {
      for (const task of transfers.values()) task.abort('the server is stopping')
    }, drainMs)
    await all
    clearTimeout(deadline)
    refusals.close()
  }

  return {
    address,
    port: listener.address().port,
    drops,
    get running() {
      return transfers.size
    },
    stop: ({ drainMs = 5000 } = {}) => (stopping ??= stopNow(drainMs)),
  }
}

const keyOf = ({ address, port }: TftpPeer): string => `${address}:${port}`
