import { describe, expect, test } from 'vitest'
import { seconds } from '../../src/values/time.ts'
import {
  decodeDhcp,
  DhcpDecodeError,
  DhcpEncodeError,
  encodeDhcp,
  largestReply,
} from '../../src/wire/dhcp.ts'
import { option, optionsOf, relayAgentOf } from '../../src/wire/dhcp-options.ts'
import { bytes, hex, ip, message, optionList, packet } from './dhcp-messages.ts'

const offer = message({
  op: 'reply',
  hops: 1,
  yiaddr: ip(192, 0, 2, 100),
  siaddr: ip(192, 0, 2, 1),
  giaddr: ip(198, 51, 100, 1),
  sname: 'boot.example',
  file: 'snponly.efi',
  options: optionsOf(
    option.messageType.write('offer'),
    option.serverIdentifier.write(ip(192, 0, 2, 1)),
    option.leaseTime.write(seconds(3600)),
  ),
})

describe('a message and its octets', () => {
  const wire = bytes(
    `02 01 06 01  fedcba98  0004 8000  00000000 c0000264 c0000201 c6336401
     525400000201 ${'00'.repeat(10)}
     ${hex(Buffer.from('boot.example'))} ${'00'.repeat(52)}
     ${hex(Buffer.from('snponly.efi'))} ${'00'.repeat(117)}
     63825363  350102  3604c0000201  330400000e10  ff  ${'00'.repeat(44)}`,
  )

  test('encode', () => {
    expect(hex(encodeDhcp(offer))).toBe(hex(wire))
  })

  test('decode', () => {
    expect(decodeDhcp(wire)).toEqual(offer)
  })

  test('decode from a Buffer within a larger one, of which nothing is kept', () => {
    const pool = Buffer.alloc(1000, 0xee)
    pool.set(wire, 7)
    const decoded = decodeDhcp(pool.subarray(7, 7 + wire.length))
    pool.fill(0)
    expect(decoded).toEqual(offer)
    expect(decoded.options.get(53)?.constructor).toBe(Uint8Array)
  })

  test('every truncation of the header says what is missing and where', () => {
    for (let length = 0; length < 240; length++) {
      const decode = (): unknown => decodeDhcp(wire.subarray(0, length))
      expect(decode, `length ${length}`).toThrow(DhcpDecodeError)
    }
    expect(() => decodeDhcp(wire.subarray(0, 239))).toThrow(
      'magic cookie at 236: needs 4 octets, 3 are left',
    )
    expect(() => decodeDhcp(new Uint8Array())).toThrow('op at 0')
  })
})

describe('decodeDhcp', () => {
  const failure = (octets: Uint8Array): DhcpDecodeError => {
    try {
      decodeDhcp(octets)
    } catch (error) {
      if (error instanceof DhcpDecodeError) return error
      throw error
    }
    throw new Error('it was decoded')
  }
  const changed = (at: number, value: number): Uint8Array => {
    const octets = packet('350101ff')
    octets[at] = value
    return octets
  }

  test.each([
    ['an op that is neither', changed(0, 3), 0, 'op'],
    ['17 octets of hardware address', changed(2, 17), 2, 'hlen'],
    ['another cookie', changed(237, 0), 236, 'magic cookie'],
    ['a code with no length', packet('350101 0c'), 244, 'option 12 in options'],
    ['an option over the end', packet('350101 0c046162'), 245, 'option 12 in options'],
    ['an overload of two octets', packet('34020101 ff'), 1, 'option 52 (Option Overload)'],
    [
      'an option over the end of file',
      packet('340101 ff', { file: '438f' }),
      110,
      'option 67 in file',
    ],
  ])('refuses %s', (_what, octets, offset, field) => {
    expect(failure(octets)).toMatchObject({ offset, field })
  })

  test('a BOOTP request, which has no option 53', () => {
    const request = decodeDhcp(packet('ff', { size: 300 }))
    expect(option.messageType.read(request.options)).toBeUndefined()
    expect(request.options.size).toBe(0)
  })

  test('a missing end is tolerated', () => {
    expect(optionList(decodeDhcp(packet('350101')).options)).toEqual(['53=01'])
    expect(optionList(decodeDhcp(packet('')).options)).toEqual([])
  })

  test('what follows the end is not looked at', () => {
    expect(optionList(decodeDhcp(packet('350101 ff 0cff')).options)).toEqual(['53=01'])
  })

  test('a pad is one octet: the one behind it counts', () => {
    const options = '00 350101 0000 0c0161 000000 3204c0000201 ff'
    expect(optionList(decodeDhcp(packet(options)).options)).toEqual([
      '53=01',
      '12=61',
      '50=c0000201',
    ])
  })

  test('an option without a value is kept', () => {
    expect(optionList(decodeDhcp(packet('350101 5000 ff')).options)).toEqual(['53=01', '80='])
  })

  test('options that nobody knows survive octet for octet, in their order', () => {
    const options = optionsOf(
      [224, bytes('00ff01')],
      [53, bytes('63')],
      [203, bytes('')],
      [254, bytes('34')],
    )
    const again = decodeDhcp(encodeDhcp(message({ options })))
    expect(optionList(again.options)).toEqual(optionList(options))
  })

  test('bits of the flags that must be zero are kept apart from the broadcast bit', () => {
    expect(decodeDhcp(changed(11, 5))).toMatchObject({ broadcast: true, flags: 5 })
    expect(encodeDhcp(message({ broadcast: false, flags: 5 })).subarray(10, 12)).toEqual(
      bytes('0005'),
    )
  })

  test('the names end at their first NUL, or with their field', () => {
    expect(decodeDhcp(packet('ff', { sname: '610062' })).sname).toBe('a')
    expect(decodeDhcp(packet('ff', { sname: '61'.repeat(64) })).sname).toBe('a'.repeat(64))
    expect(decodeDhcp(packet('ff', { file: 'e9'.repeat(128) })).file).toBe('é'.repeat(128))
  })

  test('a hardware address may have 0 to 16 octets', () => {
    for (const chaddr of ['', '52540000020152540000020152540000']) {
      expect(decodeDhcp(encodeDhcp(message({ chaddr: bytes(chaddr) }))).chaddr).toEqual(
        bytes(chaddr),
      )
    }
  })
})

describe('encodeDhcp', () => {
  test("pads to BOOTP's 300 octets, or to what is asked", () => {
    expect(encodeDhcp(message())).toHaveLength(300)
    expect(encodeDhcp(message(), { minSize: 0 })).toHaveLength(244)
    expect(encodeDhcp(message(), { minSize: 400 })).toHaveLength(400)
  })

  test('puts option 82 last, unchanged (RFC 3046 2.2)', () => {
    const echo = relayAgentOf([1, bytes('627230')], [151, bytes('00')])
    const options = optionsOf(
      option.relayAgent.write(echo),
      option.messageType.write('offer'),
      option.hostName.write('a'),
    )
    const encoded = encodeDhcp(message({ options }), { minSize: 0 })
    expect(hex(encoded.subarray(240))).toBe('3501020c016152080103627230970100ff')
  })

  test.each([
    ['xid', { xid: -1 }],
    ['xid', { xid: 2 ** 32 }],
    ['secs', { secs: 65536 }],
    ['hops', { hops: 256 }],
    ['htype', { htype: 1.5 }],
    ['chaddr', { chaddr: new Uint8Array(17) }],
    ['sname', { sname: 'x'.repeat(64) }],
    ['sname', { sname: 'a\0b' }],
    ['file', { file: 'x'.repeat(128) }],
    ['file', { file: 'œ' }],
    ['options', { options: optionsOf([0, bytes('')]) }],
    ['options', { options: optionsOf([255, bytes('')]) }],
    ['options', { options: optionsOf([256, bytes('')]) }],
    ['options', { options: optionsOf(option.overload.write('both')) }],
  ])('refuses what does not fit %s', (field, changes) => {
    const encode = (): unknown => encodeDhcp(message(changes))
    expect(encode).toThrow(DhcpEncodeError)
    expect(encode).toThrow(`${field}: `)
  })
})

test('largestReply leaves the headers out and takes no nonsense', () => {
  expect([undefined, 0, 576, 590, 1472, 1500, 65280].map(largestReply)).toEqual([
    548, 548, 548, 562, 1444, 1472, 1472,
  ])
})
