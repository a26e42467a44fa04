import { describe, expect, test } from 'vitest'
import { must } from '../../src/values/parse.ts'
import { seconds } from '../../src/values/time.ts'
import { parseSmbiosUuid } from '../../src/values/uuid.ts'
import { DhcpDecodeError, DhcpEncodeError } from '../../src/wire/dhcp.ts'
import {
  type OptionCodec,
  option,
  optionsOf,
  rawUserClass,
  relayAgentOf,
} from '../../src/wire/dhcp-options.ts'
import { bytes, hex, ip } from './dhcp-messages.ts'

interface Case {
  readonly codec: OptionCodec<never>
  readonly value: unknown
  readonly wire: string
  /** Which lengths of `wire`, cut short or with octets behind it, still have a meaning. */
  readonly fits: (length: number) => boolean
}

const only =
  (...lengths: readonly number[]) =>
  (length: number): boolean =>
    lengths.includes(length)
const any = (): boolean => true
const multipleOf =
  (octets: number) =>
  (length: number): boolean =>
    length > 0 && length % octets === 0

function example<T>(codec: OptionCodec<T>, value: T, wire: string, fits: Case['fits']): Case {
  return { codec: codec as unknown as OptionCodec<never>, value, wire, fits }
}

const uuid = must(parseSmbiosUuid('9b8f8397-e193-4a3e-90da-f23550db49bf'))
const network = (base: ReturnType<typeof ip>, prefix: number) => ({ base, prefix })

const cases: readonly Case[] = [
  example(option.subnetMask, ip(255, 255, 255, 0), 'ffffff00', only(4)),
  example(option.router, [ip(192, 0, 2, 1)], 'c0000201', multipleOf(4)),
  example(
    option.domainNameServers,
    [ip(192, 0, 2, 1), ip(192, 0, 2, 2)],
    'c0000201c0000202',
    multipleOf(4),
  ),
  example(option.hostName, 'node-7', hex(Buffer.from('node-7')), any),
  example(option.domainName, 'rack.example', hex(Buffer.from('rack.example')), any),
  example(option.interfaceMtu, 9000, '2328', only(2)),
  example(option.broadcastAddress, ip(192, 0, 2, 255), 'c00002ff', only(4)),
  example(option.ntpServers, [ip(192, 0, 2, 1)], 'c0000201', multipleOf(4)),
  example(option.vendorSpecific, bytes('060108ff'), '060108ff', any),
  example(option.requestedAddress, ip(192, 0, 2, 200), 'c00002c8', only(4)),
  example(option.leaseTime, seconds(0xffffffff), 'ffffffff', only(4)),
  example(option.overload, 'both', '03', only(1)),
  example(option.messageType, 'inform', '08', only(1)),
  example(option.messageType, 10, '0a', only(1)),
  example(option.serverIdentifier, ip(192, 0, 2, 1), 'c0000201', only(4)),
  example(option.parameterRequestList, [1, 3, 175], '0103af', multipleOf(1)),
  example(option.message, 'wrong network', hex(Buffer.from('wrong network')), any),
  example(option.maxMessageSize, 65280, 'ff00', only(2)),
  example(option.renewalTime, seconds(300), '0000012c', only(4)),
  example(option.rebindingTime, seconds(525), '0000020d', only(4)),
  example(option.vendorClass, 'HTTPClient', hex(Buffer.from('HTTPClient')), any),
  example(option.clientIdentifier, bytes('01525400006401'), '01525400006401', any),
  example(option.tftpServerName, '192.0.2.1', hex(Buffer.from('192.0.2.1')), any),
  example(option.bootFileName, 'ipxe.efi', hex(Buffer.from('ipxe.efi')), any),
  example(option.userClass, ['iPXE', 'lab'], '0469505845036c6162', any),
  example(
    option.relayAgent,
    relayAgentOf(
      [1, bytes('627230')],
      [2, bytes('aa')],
      [5, bytes('c6336400')],
      [11, bytes('c0000202')],
    ),
    '0103627230 0201aa 0504c6336400 0b04c0000202',
    only(0, 5, 8, 14, 20),
  ),
  example(option.clientArchitecture, [7, 16], '00070010', multipleOf(2)),
  example(option.clientNdi, { type: 1, major: 3, minor: 16 }, '010310', only(3)),
  example(option.clientUuid, uuid, '0097838f9b93e13e4a90daf23550db49bf', only(0, 17)),
  example(option.subnetSelection, ip(198, 51, 100, 0), 'c6336400', only(4)),
  example(
    option.classlessRoutes,
    [
      { destination: network(ip(0, 0, 0, 0), 0), router: ip(192, 0, 2, 1) },
      { destination: network(ip(198, 51, 100, 0), 24), router: ip(192, 0, 2, 2) },
      { destination: network(ip(10, 17, 0, 0), 17), router: ip(0, 0, 0, 0) },
      { destination: network(ip(10, 0, 0, 1), 32), router: ip(192, 0, 2, 3) },
    ],
    '00c0000201 18c63364c0000202 110a110000000000 200a000001c0000203',
    only(5, 13, 21, 30),
  ),
  example(
    option.ipxe,
    new Map([
      [176, bytes('01')],
      [235, bytes('010000')],
    ]),
    'b00101 eb03010000',
    only(0, 3, 8, 9, 10),
  ),
]

describe.each(cases)('option $codec.code ($codec.name), $wire', ({ codec, value, wire, fits }) => {
  const whole = bytes(wire)
  const read = (octets: Uint8Array): unknown => codec.read(optionsOf([codec.code, octets]))

  test('is written', () => {
    expect(codec.write(value as never)).toEqual([codec.code, whole])
  })

  test('is read', () => {
    expect(read(whole)).toEqual(value)
  })

  test('is absent where it is not sent', () => {
    expect(codec.read(optionsOf())).toBeUndefined()
  })

  test('at every length, cut short or with octets behind, is read or is an error of its own', () => {
    const outcome = (length: number): string => {
      const octets = new Uint8Array(length)
      octets.set(whole.subarray(0, length))
      try {
        read(octets)
        return `${length}: read`
      } catch (error) {
        const ours =
          error instanceof DhcpDecodeError && error.field.startsWith(`option ${codec.code} (`)
        return `${length}: ${ours ? 'refused' : String(error)}`
      }
    }
    const lengths = Array.from({ length: whole.length + 10 }, (_, length) => length)
    const readable = (length: number): boolean =>
      fits(length) || (length > whole.length && trailingZerosFit(codec.code, length))
    expect(lengths.map(outcome)).toEqual(
      lengths.map((length) => `${length}: ${readable(length) ? 'read' : 'refused'}`),
    )
  })
})

/** Zeros behind the end are pads in 175, empty sub-options in 82 and half a default route in 121. */
function trailingZerosFit(code: number, length: number): boolean {
  if (code === 175) return true
  if (code === 82) return length % 2 === 0
  return code === 121 && length === 35
}

test('every codec is in the table above', () => {
  const covered = new Set(cases.map(({ codec }) => codec.code))
  expect(Object.values(option).filter(({ code }) => !covered.has(code))).toEqual([])
})

describe('reading what clients really send', () => {
  test("iPXE's user class has no length octet", () => {
    expect(option.userClass.read(optionsOf([77, bytes('69505845')]))).toEqual(['iPXE'])
    expect(rawUserClass('iPXE')).toEqual([77, bytes('69505845')])
  })

  test('a class cut short is one raw class, and no octets are no class', () => {
    expect(option.userClass.read(optionsOf([77, bytes('04695058')]))).toEqual(['\x04iPX'])
    expect(option.userClass.read(optionsOf([77, bytes('')]))).toEqual([])
    expect(option.userClass.read(optionsOf([77, bytes('016100')]))).toEqual(['\x01a\0'])
  })

  test('trailing NULs are not part of a text (RFC 2132 2)', () => {
    expect(option.bootFileName.read(optionsOf([67, bytes('612e656669000000')]))).toBe('a.efi')
  })

  test('a UUID of zeros, of ones, of another type or of no octets is none', () => {
    for (const value of [
      `00${'00'.repeat(16)}`,
      `00${'ff'.repeat(16)}`,
      `01${'12'.repeat(16)}`,
      '',
    ]) {
      expect({ value, uuid: option.clientUuid.read(optionsOf([97, bytes(value)])) }).toEqual({
        value,
        uuid: undefined,
      })
    }
  })

  test('a message type that nobody knows stays a number', () => {
    expect(option.messageType.read(optionsOf([53, bytes('c8')]))).toBe(200)
    expect(option.messageType.read(optionsOf([53, bytes('00')]))).toBe(0)
  })

  test('an overload of 0 or 4 is malformed', () => {
    for (const value of ['00', '04']) {
      expect(() => option.overload.read(optionsOf([52, bytes(value)]))).toThrow(DhcpDecodeError)
    }
  })

  test("a route's host bits are dropped, a prefix above 32 is malformed", () => {
    expect(option.classlessRoutes.read(optionsOf([121, bytes('140a11ffc0000201')]))).toEqual([
      { destination: network(ip(10, 17, 240, 0), 20), router: ip(192, 0, 2, 1) },
    ])
    expect(() =>
      option.classlessRoutes.read(optionsOf([121, bytes('210a11ffffffc0000201')])),
    ).toThrow('33 bits')
  })

  test('in option 82, 0 and 255 are codes like any other, and the first of two counts', () => {
    const agent = option.relayAgent.read(optionsOf([82, bytes('000161 ff0162 010163 010164')]))
    expect(agent?.subOptions).toEqual(
      new Map([
        [0, bytes('61')],
        [255, bytes('62')],
        [1, bytes('63')],
      ]),
    )
    expect(agent?.circuitId).toEqual(bytes('63'))
  })

  test('a link selection of another length names its sub-option', () => {
    expect(() => option.relayAgent.read(optionsOf([82, bytes('0503c63364')]))).toThrow(
      'sub-option 5',
    )
  })

  test('what follows the end within option 175 is not looked at', () => {
    expect(option.ipxe.read(optionsOf([175, bytes('00b00101ffb0')]))).toEqual(
      new Map([[176, bytes('01')]]),
    )
  })
})

describe('refusing to write', () => {
  test.each<readonly [string, () => unknown]>([
    ['a number too great', () => option.interfaceMtu.write(65536)],
    ['a negative number', () => option.interfaceMtu.write(-1)],
    ['half a number', () => option.maxMessageSize.write(576.5)],
    ['an empty text', () => option.hostName.write('')],
    ['a NUL within a text', () => option.bootFileName.write('a\0b')],
    ['a character outside of Latin-1', () => option.message.write('nœud')],
    ['no router', () => option.router.write([])],
    ['no user class', () => option.userClass.write([])],
    ['an empty user class', () => option.userClass.write([''])],
    ['a user class of 256 octets', () => option.userClass.write(['x'.repeat(256)])],
    ['no route', () => option.classlessRoutes.write([])],
    ['a sub-option of 256 octets', () => option.ipxe.write(new Map([[1, new Uint8Array(256)]]))],
    ['a pad as a sub-option', () => option.ipxe.write(new Map([[0, new Uint8Array(1)]]))],
    ['sub-option 256', () => relayAgentOf([256, new Uint8Array(1)])],
  ])('%s', (_what, write) => {
    expect(write).toThrow(DhcpEncodeError)
  })
})
