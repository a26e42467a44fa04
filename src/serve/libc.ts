import koffi from 'koffi'

/** linux/socket.h, asm-generic/socket.h, linux/sockios.h: the same on x86-64 and arm64. */
const linux = {
  AF_INET: 2,
  SOCK_DGRAM: 2,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_BROADCAST: 6,
  SO_BINDTODEVICE: 25,
  SIOCGIFADDR: 0x8915,
} as const

/** A libc call failed; `code` is the errno's name, as in Node's own errors. */
export class LibcError extends Error {
  override readonly name = 'LibcError'
  readonly code: string

  constructor(call: string, code: string) {
    super(`${call}: ${code}`)
    this.code = code
  }
}

const calls = () => {
  const libc = koffi.load('libc.so.6')
  return {
    socket: libc.func('int socket(int, int, int)'),
    setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    bind: libc.func('int bind(int, const void *, uint32_t)'),
    ioctl: libc.func('int ioctl(int, unsigned long, void *)'),
    close: libc.func('int close(int)'),
  }
}
let loaded: ReturnType<typeof calls> | undefined
const libc = () => (loaded ??= calls())

/** @throws LibcError when a call returned a negative number */
function succeeded(call: string, result: unknown): number {
  const number = Number(result)
  if (number >= 0) return number
  const errno = koffi.errno()
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0]
  throw new LibcError(call, name ?? `errno ${errno}`)
}

/** A file descriptor that is closed again if what is done with it fails. */
function withSocket<T>(use: (fd: number) => T, keep: boolean): T {
  const { socket, close } = libc()
  const type = linux.SOCK_DGRAM | linux.SOCK_CLOEXEC
  const fd = succeeded('socket', socket(linux.AF_INET, type, 0))
  let isKept = false
  try {
    const result = use(fd)
    isKept = keep
    return result
  } finally {
    if (!isKept) close(fd)
  }
}

/**
 * A UDP socket that hears one interface only, on any of its addresses, broadcasts included.
 * @returns a file descriptor, to be handed to `dgram`
 * @throws LibcError (ENODEV, EADDRINUSE, EACCES, EPERM, …)
 */
export const udpSocketOn = (device: string, port: number): number =>
  withSocket((fd) => {
    const { setsockopt, bind } = libc()
    const set = (option: number, value: Uint8Array): number =>
      succeeded('setsockopt', setsockopt(fd, linux.SOL_SOCKET, option, value, value.length))
    const on = Uint8Array.of(1, 0, 0, 0)
    set(linux.SO_REUSEADDR, on)
    set(linux.SO_BROADCAST, on)
    set(linux.SO_BINDTODEVICE, Buffer.from(`${device}\0`, 'latin1'))
    const address = Buffer.alloc(16) // struct sockaddr_in: family, port, address (any), padding
    address.writeUInt16LE(linux.AF_INET, 0)
    address.writeUInt16BE(port, 2)
    succeeded('bind', bind(fd, address, address.length))
    return fd
  }, true)

/**
 * An interface's first IPv4 address, also while its cable is out: `os.networkInterfaces()` leaves such
 * an interface out, and after a power failure the server is often up before the switch.
 * @throws LibcError: ENODEV when there is no such interface, EADDRNOTAVAIL when it has no address
 */
export const interfaceAddress = (device: string): string =>
  withSocket((fd) => {
    if (Buffer.byteLength(device, 'latin1') > 15) throw new LibcError('ioctl', 'ENODEV')
    const request = Buffer.alloc(40) // struct ifreq: name, struct sockaddr_in, padding
    request.write(device, 'latin1')
    succeeded('ioctl', libc().ioctl(fd, linux.SIOCGIFADDR, request))
    return request.subarray(20, 24).join('.')
  }, false)
