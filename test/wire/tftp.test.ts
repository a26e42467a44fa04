import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeTftp,
  encodeTftp,
  encodeTftpParts,
  optionValue,
  TftpDecodeError,
  TftpEncodeError,
  type TftpMessage,
} from '../../src/wire/tftp.ts'

/** Octets: `|` is NUL, `<..>` is hex, the rest is text. */
const wire = (spelled: string): Buffer =>
  Buffer.concat(
    spelled
      .split(/<([0-9a-f ]*)>/)
      .map((part, index) =>
        index % 2 === 1
          ? Buffer.from(part.replaceAll(' ', ''), 'hex')
          : Buffer.from(part.replaceAll('|', '\0'), 'latin1'),
      ),
  )

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

interface Case {
  readonly name: string
  readonly bytes: string
  readonly message: TftpMessage
  /** Lengths at which a cut-off packet is a packet all the same; at every other, it is refused. */
  readonly whole?: readonly number[]
  /** What one octet `x` behind the packet does. */
  readonly trailing: 'refused' | 'ignored' | 'taken'
}

const cases: readonly Case[] = [
  {
    name: 'RRQ without options (RFC 1350)',
    bytes: '<0001>ipxe.efi|octet|',
    message: { op: 'rrq', file: 'ipxe.efi', mode: 'octet', options: [] },
    trailing: 'refused',
  },
  {
    name: 'RRQ of OVMF',
    bytes: '<0001>snponly.efi|octet|tsize|0|blksize|1468|windowsize|4|',
    message: {
      op: 'rrq',
      file: 'snponly.efi',
      mode: 'octet',
      options: [
        { name: 'tsize', value: '0' },
        { name: 'blksize', value: '1468' },
        { name: 'windowsize', value: '4' },
      ],
    },
    whole: [20, 28, 41],
    trailing: 'refused',
  },
  {
    name: 'RRQ with options that nobody knows, and an empty value',
    bytes: '<0001>a|OCTET|MultiCast||x-<ff>|<01>|',
    message: {
      op: 'rrq',
      file: 'a',
      mode: 'OCTET',
      options: [
        { name: 'MultiCast', value: '' },
        { name: 'x-\xff', value: '\x01' },
      ],
    },
    whole: [10, 21],
    trailing: 'refused',
  },
  {
    name: 'WRQ with an empty name',
    bytes: '<0002>|netascii|',
    message: { op: 'wrq', file: '', mode: 'netascii', options: [] },
    trailing: 'refused',
  },
  {
    name: 'DATA',
    bytes: '<0003 0102>abc|',
    message: { op: 'data', block: 0x102, data: Buffer.from('abc\0') },
    whole: [4, 5, 6, 7],
    trailing: 'taken',
  },
  {
    name: 'DATA that ends a file of whole blocks',
    bytes: '<0003 ffff>',
    message: { op: 'data', block: 65535, data: Buffer.alloc(0) },
    trailing: 'taken',
  },
  {
    name: 'ACK',
    bytes: '<0004 8001>',
    message: { op: 'ack', block: 0x8001 },
    trailing: 'ignored',
  },
  {
    name: 'ERROR of OVMF',
    bytes: '<0005 0008>User aborted the transfer|',
    message: { op: 'error', code: 8, message: 'User aborted the transfer' },
    whole: Array.from({ length: 26 }, (_, index) => 4 + index),
    trailing: 'ignored',
  },
  {
    name: 'OACK',
    bytes: '<0006>tsize|173792|blksize|1468|',
    message: {
      op: 'oack',
      options: [
        { name: 'tsize', value: '173792' },
        { name: 'blksize', value: '1468' },
      ],
    },
    whole: [2, 15],
    trailing: 'refused',
  },
]

describe.each(cases)('$name', ({ bytes, message, whole = [], trailing }) => {
  const packet = wire(bytes)

  test('encode', () => {
    expect(hex(encodeTftp(message))).toBe(hex(packet))
    expect(hex(Buffer.concat(encodeTftpParts(message)))).toBe(hex(packet))
  })

  test('decode', () => {
    expect(plain(decodeTftp(packet))).toEqual(plain(message))
  })

  test('decode from within a larger buffer', () => {
    const pool = Buffer.concat([wire('<ee>|<ee>'), packet, wire('<ee>|<ee>')])
    expect(plain(decodeTftp(pool.subarray(3, 3 + packet.length)))).toEqual(plain(message))
  })

  test('every truncation is refused, or was a packet all the same', () => {
    const decodable = Array.from({ length: packet.length }, (_, length) => length).filter(
      (length) => fault(packet.subarray(0, length)) === undefined,
    )
    expect(decodable).toEqual(whole)
  })

  test(`an octet behind it is ${trailing}`, () => {
    const longer = Buffer.concat([packet, Buffer.from('x')])
    const after = fault(longer) === undefined ? hex(encodeTftp(decodeTftp(longer))) : 'refused'
    expect(after).toBe({ refused: 'refused', ignored: hex(packet), taken: hex(longer) }[trailing])
  })
})

test.each<readonly [string, string, Partial<TftpDecodeError>]>([
  ['nothing', '', { offset: 0, field: 'opcode' }],
  ['half an opcode', '|', { offset: 0, field: 'opcode' }],
  ['opcode 0', '<0000>', { offset: 0, message: 'opcode at 0: is 0; 1 to 6 are right' }],
  ['opcode 7', '<0007>', { offset: 0, field: 'opcode' }],
  ['a name without an end', '<0001>ipxe', { offset: 6, field: 'file name' }],
  ['no mode', '<0001>ipxe|', { offset: 7, field: 'mode' }],
  ['an option without a value', '<0001>a|octet|tsize|', { offset: 16, field: 'option value' }],
  ['an option without a name', '<0001>a|octet||x|', { offset: 13, field: 'option name' }],
  ['513 octets', `<0001>${'a'.repeat(505)}|octe|`, { offset: 0, field: 'request' }],
])('refused: %s', (_what, bytes, expected) => {
  expect(fault(wire(bytes))).toMatchObject(expected)
})

test('NULs behind the options are padding', () => {
  expect(decodeTftp(wire('<0001>a|octet|tsize|0||||'))).toMatchObject({
    options: [{ name: 'tsize', value: '0' }],
  })
})

test('a request of 512 octets is the largest (RFC 2347), read and written', () => {
  const request = { op: 'rrq', file: 'a'.repeat(503), mode: 'octet', options: [] } as const
  expect(encodeTftp(request)).toHaveLength(512)
  expect(decodeTftp(encodeTftp(request))).toEqual(request)
  expect(() => encodeTftp({ ...request, file: `${request.file}a` })).toThrow(TftpEncodeError)
})

test("a DATA's octets are not copied on the way out", () => {
  const data = Buffer.from('abc')
  expect(encodeTftpParts({ op: 'data', block: 1, data })[1]).toBe(data)
})

test.each<readonly [string, TftpMessage]>([
  ['a block beyond 16 bits', { op: 'ack', block: 65536 }],
  ['a negative error code', { op: 'error', code: -1, message: '' }],
  ['a fraction', { op: 'ack', block: 1.5 }],
  ['NUL in a text', { op: 'error', code: 0, message: 'a\0b' }],
  ['a character wider than an octet', { op: 'error', code: 0, message: '→' }],
  ['an option without a name', { op: 'oack', options: [{ name: '', value: '1' }] }],
])('not encoded: %s', (_what, message) => {
  expect(() => encodeTftp(message)).toThrow(TftpEncodeError)
})

test('optionValue takes any case, and the first of two', () => {
  const options = [
    { name: 'BlkSize', value: '1468' },
    { name: 'blksize', value: '8' },
  ]
  expect(optionValue(options, 'blksize')).toBe('1468')
  expect(optionValue(options, 'tsize')).toBeUndefined()
})

const text = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCodePoint(c)),
})
const options = fc.array(fc.record({ name: text.filter((name) => name !== ''), value: text }))
const uint16 = fc.integer({ min: 0, max: 0xffff })
const messages: fc.Arbitrary<TftpMessage> = fc.oneof(
  fc.record({ op: fc.constantFrom('rrq', 'wrq'), file: text, mode: text, options }),
  fc.record({ op: fc.constant('data'), block: uint16, data: fc.uint8Array({ maxLength: 2000 }) }),
  fc.record({ op: fc.constant('ack'), block: uint16 }),
  fc.record({ op: fc.constant('error'), code: uint16, message: text }),
  fc.record({ op: fc.constant('oack'), options }),
)
const fits = (message: TftpMessage): boolean => {
  try {
    return encodeTftp(message).length > 0
  } catch (error) {
    if (error instanceof TftpEncodeError) return false
    throw error
  }
}

test('property: what is encoded decodes to the same', () => {
  fc.assert(
    fc.property(messages.filter(fits), (message) => {
      expect(plain(decodeTftp(encodeTftp(message)))).toEqual(plain(message))
    }),
  )
})

test('property: whatever the octets, they are a message or a TftpDecodeError within them', () => {
  const header = fc.constantFrom('<00>', '<0001>', '<0002>', '<0005>', '<0006>').map(wire)
  const junk = fc
    .tuple(header, fc.uint8Array({ maxLength: 600 }), fc.array(fc.constant(0)))
    .map((parts) => Buffer.concat(parts.map((part) => Uint8Array.from(part))))
  fc.assert(
    fc.property(fc.oneof(junk, fc.uint8Array({ maxLength: 600 })), (bytes) => {
      expect(misread(bytes)).toBeUndefined()
    }),
    { numRuns: 1000 },
  )
})

/** What is wrong with how these octets are decoded; undefined if nothing is. */
function misread(bytes: Uint8Array): string | undefined {
  const failure = fault(bytes)
  if (failure !== undefined) {
    return failure.offset <= bytes.length
      ? undefined
      : `an error beyond the end: ${failure.message}`
  }
  const message = decodeTftp(bytes)
  const again = decodeTftp(encodeTftp(message))
  return isDeepStrictEqual(plain(again), plain(message))
    ? undefined
    : 'not the same when read again'
}

/** Undefined if the octets decode; anything but a TftpDecodeError fails the test. */
function fault(bytes: Uint8Array): TftpDecodeError | undefined {
  try {
    decodeTftp(bytes)
    return undefined
  } catch (error) {
    if (error instanceof TftpDecodeError) return error
    throw error
  }
}

/** Octets are compared by value, whether a Buffer or a Uint8Array holds them. */
const plain = (message: TftpMessage): unknown =>
  message.op === 'data' ? { ...message, data: hex(message.data) } : message
