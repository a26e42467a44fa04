import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import koffi from 'koffi'

/** An interface of this host on which machines live. */
export interface Segment {
  /** `lo` is a segment like any other, but for what it cannot do: broadcast. */
  readonly interface: string
  /** Its first IPv4 address, in dotted form. */
  readonly address: string
}

/** linux/socket.h and asm-generic/socket.h; the same numbers on x86-64 and arm64. */
const linux = {
  AF_INET: 2,
  SOCK_DGRAM: 2,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_BROADCAST: 6,
  SO_BINDTODEVICE: 25,
} as const

/**
 * A UDP socket that hears one interface only, its broadcasts included, and whose broadcasts leave by
 * that interface with its address. Node can neither bind to a device nor tell where a datagram came
 * in, so the socket is made by libc and handed over.
 * @throws Error in words that say what to do
 */
export async function openDhcpSocket(segment: Segment, port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  const listening = once(socket, 'listening') // a socket that is handed over listens at once
  if (segment.interface === 'lo') socket.bind({ address: segment.address, port })
  else socket.bind({ fd: bindToDevice(segment.interface, port) })
  try {
    await listening
  } catch (error) {
    throw inWords(error, segment.interface, port)
  }
  return socket
}

function bindToDevice(device: string, port: number): number {
  const libc = koffi.load('libc.so.6')
  const socket = libc.func('int socket(int, int, int)')
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)')
  const bind = libc.func('int bind(int, const void *, uint32_t)')
  const close = libc.func('int close(int)')

  const fd = Number(socket(linux.AF_INET, linux.SOCK_DGRAM | linux.SOCK_CLOEXEC, 0))
  const check = (result: unknown): void => {
    if (Number(result) >= 0) return
    const errno = koffi.errno()
    if (fd >= 0) close(fd)
    const code = Object.entries(koffi.os.errno).find(([, number]) => number === errno)?.[0]
    throw inWords({ code: code ?? `errno ${errno}` }, device, port)
  }
  const set = (option: number, value: Uint8Array): void =>
    check(setsockopt(fd, linux.SOL_SOCKET, option, value, value.length))
  const on = Uint8Array.of(1, 0, 0, 0)

  check(fd)
  set(linux.SO_REUSEADDR, on)
  set(linux.SO_BROADCAST, on)
  set(linux.SO_BINDTODEVICE, Buffer.from(`${device}\0`, 'latin1'))
  const address = Buffer.alloc(16) // struct sockaddr_in: family, port, address (any), padding
  address.writeUInt16LE(linux.AF_INET, 0)
  address.writeUInt16BE(port, 2)
  check(bind(fd, address, address.length))
  return fd
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
