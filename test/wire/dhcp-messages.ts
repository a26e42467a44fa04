import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { type Ipv4 } from '../../src/values/ipv4.ts'
import {
  decodeDhcp,
  DhcpDecodeError,
  DhcpEncodeError,
  type DhcpMessage,
  encodeDhcp,
} from '../../src/wire/dhcp.ts'
import { type DhcpOptions, option, optionsOf } from '../../src/wire/dhcp-options.ts'
import { describeDhcp } from '../../src/wire/dhcp-text.ts'

export const ip = (...[a, b, c, d]: readonly [number, number, number, number]): Ipv4 =>
  (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) as Ipv4

export const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))

export const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')

/** Options as text that compares and prints well. */
export const optionList = (options: DhcpOptions): readonly string[] =>
  Array.from(options, ([code, value]) => `${code}=${hex(value)}`)

/** A DISCOVER with nothing but its type; `changes` make it what a test needs. */
export const message = (changes: Partial<DhcpMessage> = {}): DhcpMessage => ({
  op: 'request',
  htype: 1,
  hops: 0,
  xid: 0xfedcba98,
  secs: 4,
  broadcast: true,
  flags: 0,
  ciaddr: ip(0, 0, 0, 0),
  yiaddr: ip(0, 0, 0, 0),
  siaddr: ip(0, 0, 0, 0),
  giaddr: ip(0, 0, 0, 0),
  chaddr: bytes('525400000201'),
  sname: '',
  file: '',
  options: optionsOf(option.messageType.write('discover')),
  ...changes,
})

/** A packet by hand: the header of `message()` with these fields behind it. */
export function packet(options: string, { sname = '', file = '', size = 0 } = {}): Uint8Array {
  const header = bytes(
    `01010600 fedcba98 00048000 ${'00000000'.repeat(4)} 525400000201 ${'00'.repeat(10)}`,
  )
  const tail = bytes(options)
  const whole = new Uint8Array(Math.max(size, 240 + tail.length))
  whole.set(header)
  whole.set(bytes(sname), 44)
  whole.set(bytes(file), 108)
  whole.set(bytes('63825363'), 236)
  whole.set(tail, 240)
  return whole
}

const octet = fc.integer({ min: 0, max: 255 })
const address = fc.integer({ min: 0, max: 0xffffffff }).map((value) => value as Ipv4)
const latin1 = (maxLength: number) =>
  fc
    .array(fc.integer({ min: 1, max: 255 }), { maxLength })
    .map((points) => String.fromCharCode(...points))
const octets = (maxLength: number) => fc.uint8Array({ maxLength })

/** Everything that encodeDhcp takes; options up to `longest` octets each. */
export const anyMessage = (longest: number): fc.Arbitrary<DhcpMessage> =>
  fc.record({
    op: fc.constantFrom('request', 'reply'),
    htype: octet,
    hops: octet,
    xid: fc.integer({ min: 0, max: 0xffffffff }),
    secs: fc.integer({ min: 0, max: 0xffff }),
    broadcast: fc.boolean(),
    flags: fc.integer({ min: 0, max: 0x7fff }),
    ciaddr: address,
    yiaddr: address,
    siaddr: address,
    giaddr: address,
    chaddr: octets(16),
    sname: fc.oneof(fc.constant(''), latin1(63)),
    file: fc.oneof(fc.constant(''), latin1(127)),
    options: fc
      .array(
        fc.tuple(
          fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52),
          fc.oneof(octets(20), octets(longest)),
        ),
        { maxLength: 20 },
      )
      .map((entries): DhcpOptions => new Map(entries)),
  })

type Mutation =
  | { readonly kind: 'set' | 'insert'; readonly at: number; readonly value: number }
  | { readonly kind: 'delete' | 'truncate'; readonly at: number }

/** `at` is a fraction of the length, so that a mutation fits any packet. */
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('set', 'insert'),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      value: fc.oneof(octet, fc.constantFrom(0, 52, 82, 255)),
    }),
    fc.record({
      kind: fc.constantFrom('delete', 'truncate'),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  ),
  { minLength: 1, maxLength: 8 },
)

export function mutated(original: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  const octetsNow = Array.from(original)
  for (const change of changes) {
    const at = Math.floor(change.at * octetsNow.length)
    if (change.kind === 'set') octetsNow[at] = change.value
    else if (change.kind === 'insert') octetsNow.splice(at, 0, change.value)
    else if (change.kind === 'delete') octetsNow.splice(at, 1)
    else octetsNow.length = at
  }
  return Uint8Array.from(octetsNow)
}

export function unless<T>(expected: new (...args: never[]) => Error, run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof expected) return undefined
    throw error
  }
}

export const sorted = (m: DhcpMessage) => ({ ...m, options: optionList(m.options).toSorted() })

/**
 * Decodes whatever is in `octets`, looks at every part of what came out, and encodes it again.
 * Returns what went wrong; the one error that decoding may throw is no fault.
 */
export function dhcpFault(octets: Uint8Array): string | undefined {
  try {
    const first = unless(DhcpDecodeError, () => decodeDhcp(octets))
    if (first === undefined) return undefined
    for (const codec of Object.values(option))
      unless(DhcpDecodeError, () => codec.read(first.options))
    describeDhcp(first)
    const again = unless(DhcpEncodeError, () => encodeDhcp(first, { maxSize: 65507 }))
    if (again === undefined || isDeepStrictEqual(sorted(decodeDhcp(again)), sorted(first)))
      return undefined
    return 'it is another message after encoding'
  } catch (error) {
    return String(error)
  }
}
