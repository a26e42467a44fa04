import { createSocket, type RemoteInfo } from 'node:dgram'
import {
  decodeTftp,
  encodeTftp,
  errorCode,
  optionValue,
  TftpDecodeError,
  type TftpMessage,
  type TftpOption,
} from '../wire/tftp.ts'

/** A TFTP client for simulated machines (RFC 1350, 2347, 2348, 2349, 7440). */

export interface TftpFetch {
  readonly host: string
  readonly port: number
  readonly localAddress?: string
  readonly file: string
  /** Sent in the order of the keys, as firmware differs in that too. */
  readonly options?: {
    readonly tsize?: number
    readonly blksize?: number
    readonly windowsize?: number
    readonly timeout?: number
  }
  /** Ends with ERROR 8 once the OACK is there: how OVMF asks for a file's size. */
  readonly abortAfterOack?: boolean
  /** Milliseconds for everything. */
  readonly timeoutMs: number
}

export interface TftpFetched {
  readonly bytes: Buffer
  /** Option names in lower case; undefined if the server sent no OACK. */
  readonly oack: ReadonlyMap<string, string> | undefined
}

export class TftpFetchError extends Error {
  override readonly name = 'TftpFetchError'
  /** The server's ERROR code; undefined if no answer came in time. */
  readonly code: number | undefined

  constructor(message: string, code?: number) {
    super(message)
    this.code = code
  }
}

type Target = Omit<TftpFetch, 'options' | 'abortAfterOack'>

/** OVMF and AAVMF: the size first, cut off by ERROR 8, then the file from a new port without tsize. */
export async function fetchLikeOvmf(target: Target): Promise<TftpFetched> {
  const wishes = { blksize: 1468, windowsize: 4 }
  const size = await fetchTftp({
    ...target,
    options: { tsize: 0, ...wishes },
    abortAfterOack: true,
  })
  const fetched = await fetchTftp({ ...target, options: wishes })
  const promised = size.oack?.get('tsize')
  if (promised !== String(fetched.bytes.length)) {
    throw new TftpFetchError(`tsize said ${promised}, ${fetched.bytes.length} octets came`)
  }
  return fetched
}

/** iPXE, on BIOS and UEFI alike. */
export const fetchLikeIpxe = (target: Target): Promise<TftpFetched> =>
  fetchTftp({ ...target, options: { blksize: 1432, tsize: 0 } })

/** @throws TftpFetchError for the server's ERROR and for a time-out */
export async function fetchTftp(fetch: TftpFetch): Promise<TftpFetched> {
  const { host, port, localAddress, file, options = {}, abortAfterOack, timeoutMs } = fetch
  const socket = createSocket('udp4')
  const { promise, resolve, reject } = Promise.withResolvers<TftpFetched>()
  const receiver = new TftpReceiver()
  let server: RemoteInfo | undefined
  let last: Uint8Array = encodeTftp({
    op: 'rrq',
    file,
    mode: 'octet',
    options: Object.entries(options).map(([name, value]) => ({ name, value: String(value) })),
  })
  const say = (bytes: Uint8Array, to: RemoteInfo | undefined): void => {
    socket.send(bytes, to?.port ?? port, to?.address ?? host)
  }
  const fail = (code: number, message: string, to: RemoteInfo): void => {
    say(encodeTftp({ op: 'error', code, message }), to)
  }

  socket.on('error', reject)
  socket.on('message', (bytes: Uint8Array, from: RemoteInfo) => {
    // The first packet pins the server's transfer identifier (RFC 1350 section 4).
    server ??= from
    if (from.port !== server.port || from.address !== server.address) {
      return fail(errorCode.unknownTransferId, 'unknown transfer', from)
    }
    const message = decodeOrNothing(bytes)
    if (message === undefined) return
    if (message.op === 'error') {
      return reject(new TftpFetchError(`${file}: ${message.message}`, message.code))
    }
    if (message.op === 'oack') {
      const problem = oackProblem(message.options, options)
      if (problem !== undefined) {
        fail(errorCode.optionsRefused, problem, from)
        return reject(new TftpFetchError(`${file}: ${problem}`))
      }
    }
    const ack = receiver.process(message)
    const fetched = (): TftpFetched => ({
      bytes: Buffer.concat(receiver.blocks),
      oack: receiver.oack,
    })
    if (abortAfterOack === true && message.op === 'oack') {
      fail(errorCode.optionsRefused, 'User aborted the transfer', from)
      return resolve(fetched())
    }
    if (ack !== undefined) {
      last = encodeTftp(ack)
      say(last, from)
    }
    if (receiver.complete) resolve(fetched())
  })

  const repeat = setInterval(() => say(last, server), 1000)
  const giveUp = setTimeout(() => {
    reject(new TftpFetchError(`${file}: not there after ${timeoutMs} ms`))
  }, timeoutMs)
  socket.bind({ port: 0, address: localAddress ?? '0.0.0.0' }, () => {
    say(last, undefined)
  })
  try {
    return await promise
  } finally {
    clearInterval(repeat)
    clearTimeout(giveUp)
    // Whatever was sent last still waits for its address to be looked up; after it, the port closes.
    setImmediate(() => socket.close())
  }
}

/**
 * The reading end of a transfer, without a socket. It answers like EDK2's: each block that it did not
 * expect makes it repeat the ACK of the last good one, which is what feeds a careless server's
 * Sorcerer's Apprentice.
 */
export class TftpReceiver {
  readonly blocks: Uint8Array[] = []
  oack: ReadonlyMap<string, string> | undefined
  complete = false
  #blockSize = 512
  #windowSize = 1
  #sinceAck = 0

  /** @returns the ACK to send, if one is due */
  process(message: TftpMessage): TftpMessage | undefined {
    switch (message.op) {
      case 'oack':
        return this.#agree(message.options)
      case 'data':
        return this.#store(message.block, message.data)
      case 'rrq':
      case 'wrq':
      case 'ack':
      case 'error':
        return undefined
    }
  }

  #agree(options: readonly TftpOption[]): TftpMessage | undefined {
    if (this.blocks.length > 0) return undefined
    this.oack = new Map(options.map(({ name, value }) => [name.toLowerCase(), value]))
    this.#blockSize = Number(optionValue(options, 'blksize') ?? 512)
    this.#windowSize = Number(optionValue(options, 'windowsize') ?? 1)
    return { op: 'ack', block: 0 }
  }

  #store(block: number, data: Uint8Array): TftpMessage | undefined {
    if (!this.complete && block === ((this.blocks.length + 1) & 0xffff)) {
      this.blocks.push(data)
      this.#sinceAck += 1
      this.complete = data.length < this.#blockSize
      if (!this.complete && this.#sinceAck < this.#windowSize) return undefined
    }
    this.#sinceAck = 0
    return { op: 'ack', block: this.blocks.length & 0xffff }
  }
}

/** What EDK2 checks too: only what was asked for, and no more of it (RFC 2347, 2348, 2349, 7440). */
function oackProblem(
  oack: readonly TftpOption[],
  wishes: NonNullable<TftpFetch['options']>,
): string | undefined {
  const wished = new Map(Object.entries(wishes))
  for (const { name, value } of oack) {
    const wish = wished.get(name.toLowerCase())
    if (wish === undefined) return `the OACK has ${name}, which was not asked for`
    const exceeds = name.toLowerCase() !== 'tsize' && Number(value) > wish
    if (exceeds) return `the OACK has ${name} ${value}, more than the ${wish} asked for`
  }
  return undefined
}

function decodeOrNothing(bytes: Uint8Array): TftpMessage | undefined {
  try {
    return decodeTftp(bytes)
  } catch (error) {
    if (error instanceof TftpDecodeError) return undefined
    throw error
  }
}
