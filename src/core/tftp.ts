import {
  errorCode,
  optionValue,
  type TftpError,
  type TftpOption,
  type TftpRequest,
} from '../wire/tftp.ts'

/** What the path and the server's memory allow; a client that asks for more gets this much. */
export interface TftpLimits {
  /** Octets of file in a DATA packet, 8 to 65464 (RFC 2348). 1468 fills an Ethernet frame. */
  readonly blockSize: number
  /** DATA packets in flight, 1 to 65535 (RFC 7440). */
  readonly windowSize: number
}

export const defaultLimits: TftpLimits = { blockSize: 1468, windowSize: 64 }

/** A read that may begin: what to send, and how. */
export interface TftpGrant {
  readonly kind: 'grant'
  /** The name that the file was found under. */
  readonly file: string
  readonly content: Uint8Array
  readonly blockSize: number
  readonly windowSize: number
  /** Seconds between retransmissions, if the client chose them (RFC 2349). */
  readonly timeout?: number
  /** For the OACK, in the order of the request. Empty: no OACK is sent (RFC 2347). */
  readonly options: readonly TftpOption[]
}

export interface TftpRefusal {
  readonly kind: 'refusal'
  readonly file: string
  readonly error: TftpError
}

/**
 * @param lookup the whole virtual TFTP root: flat names to contents. No file system is behind it, so
 *   there is nothing that a name could escape to.
 */
export function answerRequest(
  request: TftpRequest,
  lookup: (name: string) => Uint8Array | undefined,
  limits: TftpLimits = defaultLimits,
): TftpGrant | TftpRefusal {
  const name = fileName(request.file)
  const refuse = (code: number, message: string): TftpRefusal => ({
    kind: 'refusal',
    file: printable(name ?? request.file),
    error: { op: 'error', code, message },
  })
  if (request.op === 'wrq') return refuse(errorCode.accessViolation, 'this server is read-only')
  // netascii would rewrite line ends (RFC 1350 section 1), which no boot file survives; mail is obsolete.
  if (request.mode.toLowerCase() !== 'octet') {
    return refuse(errorCode.illegalOperation, 'only octet (binary) mode is served')
  }
  const content = name === undefined ? undefined : lookup(name)
  if (name === undefined || content === undefined) {
    return refuse(errorCode.fileNotFound, `file not found: ${printable(request.file)}`)
  }
  return { kind: 'grant', file: name, content, ...negotiate(request.options, content, limits) }
}

/**
 * The key of a requested path: separators of either kind, leading ones and `.` don't count. Firmware
 * that takes the end-of-options octet of DHCP (255) for a part of the boot file's name asks for
 * `name\xff`: that octet goes too.
 *
 * @returns undefined for a path with `..`, which names nothing here
 */
function fileName(path: string): string | undefined {
  const parts = path
    .replace(/\xff$/, '')
    .split(/[/\\]/)
    .filter((part) => part !== '' && part !== '.')
  return parts.includes('..') ? undefined : parts.join('/')
}

type Negotiated = Pick<TftpGrant, 'blockSize' | 'windowSize' | 'timeout' | 'options'>

/** An option with a value out of its range is left out of the OACK, hence not in force (RFC 2347). */
function negotiate(
  requested: readonly TftpOption[],
  content: Uint8Array,
  limits: TftpLimits,
): Negotiated {
  const blockSize = atMost(limits.blockSize, number(requested, 'blksize', 8, 65464))
  const windowSize = atMost(limits.windowSize, number(requested, 'windowsize', 1, 65535))
  const timeout = number(requested, 'timeout', 1, 255)
  // An empty file's size is left out: curl takes a tsize of 0 for a fault and leaves without a word.
  const size = content.length > 0 ? content.length : undefined
  const granted = new Map([
    ['blksize', blockSize],
    ['tsize', size],
    ['timeout', timeout],
    ['windowsize', windowSize],
  ])
  const options: TftpOption[] = []
  for (const { name } of requested) {
    const value = granted.get(name.toLowerCase())
    granted.delete(name.toLowerCase())
    if (value !== undefined) options.push({ name, value: String(value) })
  }
  return {
    blockSize: blockSize ?? 512,
    windowSize: windowSize ?? 1,
    ...(timeout === undefined ? {} : { timeout }),
    options,
  }
}

function number(
  options: readonly TftpOption[],
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = optionValue(options, name)
  if (value === undefined || !/^\d{1,9}$/.test(value)) return undefined
  return Number(value) >= least && Number(value) <= most ? Number(value) : undefined
}

const atMost = (limit: number, value: number | undefined): number | undefined =>
  value === undefined ? undefined : Math.min(limit, value)

/** What a stranger wrote, for a console or a log: no control characters, and short. */
export const printable = (name: string): string =>
  name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 128)
