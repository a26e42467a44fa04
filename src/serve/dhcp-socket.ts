import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import { udpSocketOn } from './libc.ts'
import type { Segment } from './segments.ts'

/** A storm of 5,000 machines may arrive while one commit is being written; the kernel caps it. */
const receiveBuffer = 4 << 20
/** How often to look whether the interface is still the one that the socket is bound to. */
const lookMs = 5000

type Receive = (bytes: Uint8Array, from: RemoteInfo) => void

/**
 * The UDP socket of one segment. It hears that interface only, and its broadcasts leave there. An
 * interface that is taken away and made again (a bridge, a VLAN, a driver that was loaded anew) is
 * another one to the kernel, and a socket bound to the old one is deaf without an error: it is opened
 * again.
 */
export class DhcpSocket {
  readonly port: number
  readonly #segment: Segment
  readonly #receive: Receive
  readonly #log: Pick<Logger, 'warn' | 'error' | 'info'>
  #socket: Socket
  #interfaceIndex: string | undefined
  #isDeaf = false
  readonly #looking: NodeJS.Timeout

  /** @throws Error in words that say what to do */
  static async open(
    segment: Segment,
    port: number,
    receive: Receive,
    log: Pick<Logger, 'warn' | 'error' | 'info'>,
  ): Promise<DhcpSocket> {
    return new DhcpSocket(segment, await openSocket(segment, port), receive, log)
  }

  private constructor(
    segment: Segment,
    socket: Socket,
    receive: Receive,
    log: Pick<Logger, 'warn' | 'error' | 'info'>,
  ) {
    this.#segment = segment
    this.#receive = receive
    this.#log = log
    this.port = socket.address().port
    this.#socket = this.#listen(socket)
    this.#interfaceIndex = indexOf(segment)
    this.#looking = setInterval(() => void this.#look(), lookMs).unref()
  }

  send(bytes: Uint8Array, to: { readonly address: string; readonly port: number }): Promise<void> {
    return new Promise((sent, failed) => {
      this.#socket.send(bytes, to.port, to.address, (error) => (error ? failed(error) : sent()))
    })
  }

  /** Nothing is received any more; what is under way can still be sent. */
  deafen(): void {
    this.#isDeaf = true
    clearInterval(this.#looking)
  }

  close(): Promise<void> {
    this.deafen()
    return new Promise((closed) => this.#socket.close(closed))
  }

  #listen(socket: Socket): Socket {
    socket.setRecvBufferSize(receiveBuffer)
    socket.on('message', (bytes, from) => {
      if (!this.#isDeaf) this.#receive(bytes, from)
    })
    socket.on('error', (error) =>
      this.#log.error({ err: error }, `DHCP on ${this.#segment.interface}`),
    )
    return socket
  }

  async #look(): Promise<void> {
    const { interface: device } = this.#segment
    const index = indexOf(this.#segment)
    if (index === this.#interfaceIndex) return
    this.#interfaceIndex = index
    if (index === undefined) {
      this.#log.warn(`interface ${device} is gone: no DHCP there until it is back`)
      return
    }
    try {
      const socket = await openSocket(this.#segment, this.port)
      this.#socket.close()
      this.#socket = this.#listen(socket)
      this.#log.info(`interface ${device} is another one now: DHCP listens on it`)
    } catch (error) {
      this.#interfaceIndex = undefined // to try again
      this.#log.error({ err: error }, `DHCP on ${device} could not be taken up again`)
    }
  }
}

/** The kernel's number for the interface; a new one each time that it is made. */
function indexOf({ interface: device }: Segment): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Node can neither bind to a device nor tell where a datagram came in, so the socket is made by libc and
 * handed over.
 * @throws Error in words that say what to do
 */
async function openSocket(segment: Segment, port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  const listening = once(socket, 'listening') // a socket that is handed over listens at once
  try {
    if (segment.interface === 'lo') socket.bind({ address: segment.address, port })
    else socket.bind({ fd: udpSocketOn(segment.interface, port) })
    await listening
  } catch (error) {
    throw inWords(error, segment.interface, port)
  }
  return socket
}

function inWords(error: unknown, device: string, port: number): Error {
  const code = (error as { code?: string }).code ?? String(error)
  const where = `DHCP on ${device}, port ${port}`
  switch (code) {
    case 'EADDRINUSE':
      return new Error(`${where}: the port is taken; is another DHCP server running on this host?`)
    case 'EACCES':
    case 'EPERM':
      return new Error(
        `${where}: not permitted; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE, ` +
          'binding to an interface CAP_NET_RAW',
      )
    case 'ENODEV':
      return new Error(`${where}: there is no such interface`)
    default:
      return new Error(`${where}: ${code}`)
  }
}
