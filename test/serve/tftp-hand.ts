import { once } from 'node:events'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { startTftpServer, type TftpServer, type TftpServerOptions } from '../../src/serve/tftp.ts'
import type { TftpEvent } from '../../src/serve/tftp-event.ts'
import { epochMs } from '../../src/values/time.ts'
import { decodeTftp, encodeTftp, type TftpMessage } from '../../src/wire/tftp.ts'

/** A server on loopback, with the events that it told and a way to wait for one. */
export interface Served {
  readonly server: TftpServer
  readonly events: readonly TftpEvent[]
  readonly target: { host: string; port: number; timeoutMs: number }
  readonly ended: (kind: TftpEvent['kind'], count?: number) => Promise<readonly TftpEvent[]>
}

/** Silence is short here, so that a test of it is. */
export const quick = { firstMs: 20, longestMs: 40, sends: 4 }

export async function serve(
  files: Record<string, Uint8Array>,
  options: Partial<TftpServerOptions> = {},
): Promise<Served> {
  const events: TftpEvent[] = []
  const waiting = new Set<() => void>()
  const server = await startTftpServer({
    address: '127.0.0.1',
    port: 0,
    files: (name) => (Object.hasOwn(files, name) ? files[name] : undefined),
    clock: () => epochMs(Date.now()),
    onEvent: (event) => {
      events.push(event)
      for (const look of waiting) look()
    },
    ...options,
  })
  const of = (kind: TftpEvent['kind']): TftpEvent[] => events.filter((event) => event.kind === kind)
  const ended = async (kind: TftpEvent['kind'], count = 1): Promise<readonly TftpEvent[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = (): void => void (of(kind).length >= count && resolve())
    const late = setTimeout(() => {
      const seen = events.map((event) => event.kind).join(' ')
      reject(new Error(`no ${count} '${kind}' within 10 s, but: ${seen}`))
    }, 10_000)
    waiting.add(look)
    look()
    await promise.finally(() => {
      clearTimeout(late)
      waiting.delete(look)
    })
    return of(kind)
  }
  const target = { host: server.address, port: server.port, timeoutMs: 20_000 }
  return { server, events, target, ended }
}

export interface Heard {
  readonly message: TftpMessage
  /** The port that it came from. */
  readonly port: number
}

/** A client played by hand, packet by packet. */
export class Hand {
  readonly #socket: Socket
  readonly #heard: Heard[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (bytes: Uint8Array, { port }: RemoteInfo) => {
      this.#heard.push({ message: decodeTftp(bytes), port })
      socket.emit('heard')
    })
  }

  static async open(): Promise<Hand> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new Hand(socket)
  }

  get port(): number {
    return this.#socket.address().port
  }

  say(port: number, message: TftpMessage | Uint8Array): void {
    const bytes = message instanceof Uint8Array ? message : encodeTftp(message)
    this.#socket.send(bytes, port, '127.0.0.1')
  }

  /** The next packet; fails after 5 s. */
  async hears(): Promise<Heard> {
    if (this.#heard.length === 0) {
      await once(this.#socket, 'heard', { signal: AbortSignal.timeout(5000) })
    }
    return this.#heard.shift()!
  }

  /** What has come and was not yet read. */
  get unread(): readonly Heard[] {
    return this.#heard
  }

  close(): void {
    this.#socket.close()
  }
}
