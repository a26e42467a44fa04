import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeDhcp, DhcpDecodeError, DhcpEncodeError, encodeDhcp } from '../../src/wire/dhcp.ts'
import { dhcpPackets } from '../golden/captures.ts'
import {
  anyMessage,
  dhcpFault,
  hex,
  mutated,
  mutations,
  packet,
  sorted,
  unless,
} from './dhcp-messages.ts'

describe('decode(encode(m)) is m', () => {
  test('with room for all, also the order of the options, but for option 82, which is last', () => {
    fc.assert(
      fc.property(anyMessage(700), (message) => {
        const decoded = decodeDhcp(encodeDhcp(message, { maxSize: 65507 }))
        expect(sorted(decoded)).toEqual(sorted(message))
        const codes = [...message.options.keys()].filter((code) => code !== 82)
        expect([...decoded.options.keys()]).toEqual(
          message.options.has(82) ? [...codes, 82] : codes,
        )
      }),
      { numRuns: 500 },
    )
  })

  test('with little room, or it says that it does not fit; never is a packet longer than allowed', () => {
    let encodings = 0
    fc.assert(
      fc.property(anyMessage(60), fc.integer({ min: 0, max: 600 }), (message, maxSize) => {
        const encoded = unless(DhcpEncodeError, () => encodeDhcp(message, { minSize: 0, maxSize }))
        if (encoded === undefined) return
        encodings += 1
        expect(encoded.length).toBeLessThanOrEqual(maxSize)
        expect(sorted(decodeDhcp(encoded))).toEqual(sorted(message))
      }),
      { numRuns: 1000 },
    )
    expect(encodings).toBeGreaterThan(100)
  })
})

describe('nothing but DhcpDecodeError is thrown', () => {
  test('for any octets', () => {
    const octets = fc.uint8Array({ maxLength: 600 })
    fc.assert(
      fc.property(octets, (bytes) => {
        expect(dhcpFault(bytes)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  test('for any octets where options are, in all three fields', () => {
    const octets = (maxLength: number) => fc.uint8Array({ maxLength })
    const overloads = fc.integer({ min: 0, max: 4 })
    fc.assert(
      fc.property(
        octets(300),
        octets(64),
        octets(128),
        overloads,
        (options, sname, file, overload) => {
          const bytes = packet(`34010${overload}${hex(options)}`, {
            sname: hex(sname),
            file: hex(file),
          })
          expect(dhcpFault(bytes)).toBeUndefined()
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('for captures with faults put in', () => {
    const originals = fc.constantFrom(...dhcpPackets.map(({ bytes }) => bytes))
    fc.assert(
      fc.property(originals, mutations, (original, changes) => {
        expect(dhcpFault(mutated(original, changes))).toBeUndefined()
      }),
      { numRuns: 2000 },
    )
  })

  test('for every capture cut short at every length, of which none below 240 is a message', () => {
    for (const { bytes } of dhcpPackets) {
      const lengths = Array.from({ length: bytes.length }, (_, length) => length)
      const decodable = lengths.filter((length) =>
        unless(DhcpDecodeError, () => decodeDhcp(bytes.subarray(0, length))),
      )
      expect(decodable.filter((length) => length < 240)).toEqual([])
    }
  })
})
