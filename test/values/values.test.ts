import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseHostname } from '../../src/values/hostname.ts'
import {
  bootId,
  laterBootId,
  machineId,
  parseImageName,
  seedKey,
  type BootId,
} from '../../src/values/ids.ts'
import {
  broadcastOf,
  formatIpv4,
  formatNetwork,
  ipv4FromBytes,
  ipv4ToBytes,
  netmask,
  parseIpv4,
  parseNetwork,
  parseRange,
  type Ipv4,
} from '../../src/values/ipv4.ts'
import { macFromBytes, macToBytes, macWithHyphens, parseMac } from '../../src/values/mac.ts'
import { must, type Parsed } from '../../src/values/parse.ts'
import { seconds } from '../../src/values/time.ts'
import { parseSmbiosUuid, smbiosUuidFromBytes } from '../../src/values/uuid.ts'

const problem = (parsed: Parsed<unknown>): string => (parsed.ok ? 'none' : parsed.problem)

describe('Mac', () => {
  test.each(['52:54:00:a1:b2:c3', '52-54-00-A1-B2-C3', '5254.00a1.b2c3', '525400a1b2c3'])(
    '%s',
    (text) => {
      expect(must(parseMac(text))).toBe('52:54:00:a1:b2:c3')
    },
  )

  test.each([
    ['52:54:00:a1:b2', /six hex pairs/],
    ['52:54:00-a1-b2-c3', /six hex pairs/],
    ['g2:54:00:a1:b2:c3', /six hex pairs/],
    ['00:00:00:00:00:00', /all zeros/],
    ['01:00:5e:00:00:01', /multicast/],
    ['ff:ff:ff:ff:ff:ff', /multicast/],
  ])('%s is refused in words', (text, words) => {
    expect(problem(parseMac(text))).toMatch(words)
  })

  test('octets and back', () => {
    const octets = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => {
      bytes[0] = (bytes[0] ?? 0) & 0xfe
      bytes[5] = (bytes[5] ?? 0) | 1
      return bytes
    })
    fc.assert(
      fc.property(octets, (bytes) => {
        const mac = macFromBytes(bytes)
        expect(macToBytes(mac)).toEqual(bytes)
        expect(must(parseMac(macWithHyphens(mac)))).toBe(mac)
      }),
    )
  })
})

describe('Ipv4', () => {
  test('text and back, octets and back', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), (number) => {
        const address = number as Ipv4
        expect(must(parseIpv4(formatIpv4(address)))).toBe(address)
        expect(ipv4FromBytes(ipv4ToBytes(address))).toBe(address)
      }),
    )
  })

  test.each(['', '1.2.3', '1.2.3.256', '1.2.3.4.5', '01.2.3.4x', '1.2.3.-4', '0x1.2.3.4', '::1'])(
    "'%s' is refused",
    (text) => {
      expect(problem(parseIpv4(text))).toMatch(/write it like 192\.0\.2\.10/)
    },
  )

  test('a network says what it would be without its host bits', () => {
    expect(problem(parseNetwork('192.0.2.7/24'))).toMatch(/did you mean 192\.0\.2\.0\/24/)
    expect(formatNetwork(must(parseNetwork('192.0.2.0/24')))).toBe('192.0.2.0/24')
    expect(problem(parseNetwork('192.0.2.0/33'))).toMatch(/not a network/)
  })

  test('netmask and broadcast of every prefix', () => {
    expect([0, 1, 24, 31, 32].map((prefix) => formatIpv4(netmask(prefix)))).toEqual([
      '0.0.0.0',
      '128.0.0.0',
      '255.255.255.0',
      '255.255.255.254',
      '255.255.255.255',
    ])
    expect(formatIpv4(broadcastOf(must(parseNetwork('128.0.0.0/1'))))).toBe('255.255.255.255')
  })

  test('a range that ends before it begins', () => {
    expect(problem(parseRange('192.0.2.9-192.0.2.1'))).toMatch(/ends before it begins/)
    expect(problem(parseRange('192.0.2.9'))).toMatch(/not a range/)
  })
})

describe('Hostname', () => {
  test.each(['r1', 'rack-12-u07', 'node.dc1.example', '1a', 'a'.repeat(63)])('%s', (text) => {
    expect(must(parseHostname(text))).toBe(text)
  })

  test.each([
    ['', /is empty/],
    ['Rack1', /capitals.*rack1/],
    ['rack_1', /underscore/],
    ['-a', /begins and ends/],
    ['a-', /begins and ends/],
    ['a..b', /empty label/],
    ['a.', /empty label/],
    ['192.0.2.1', /looks like/],
    ['ab'.repeat(33), /Linux takes at most 64/],
    ['a b', /takes a-z/],
    ['a;b', /takes a-z/],
  ])("'%s' is refused in words", (text, words) => {
    expect(problem(parseHostname(text))).toMatch(words)
  })

  test('is never more than a DNS name: no text gets through that a shell or iPXE could mistake', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseHostname(text).ok && !/^[a-z0-9.-]{1,64}$/.test(text)).toBe(false)
      }),
    )
  })
})

describe('SmbiosUuid', () => {
  test('option 97 carries the first three fields little-endian', () => {
    const bytes = Buffer.from('93f69d3c7b0f4ca1f2edea0a6a121cf0', 'hex')
    expect(smbiosUuidFromBytes(bytes)).toBe('3c9df693-0f7b-a14c-f2ed-ea0a6a121cf0')
  })

  test.each(['00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'])(
    '%s belongs to boards that have none',
    (text) => {
      expect(problem(parseSmbiosUuid(text))).toMatch(/leave it out/)
    },
  )
})

describe('ids', () => {
  test('boot ids sort by time', () => {
    const random = new Uint8Array(10).fill(7)
    const ids = [1, 999, 1_795_331_511_318, 1_795_331_511_319].map((now) => bootId(now, random))
    expect([...ids].sort()).toEqual(ids)
    expect(ids.every((id) => id.length === 26)).toBe(true)
  })

  test('the next id carries over', () => {
    const [than, next] = ['01m8zzzz', '01m90000'] as BootId[]
    expect(laterBootId('00000000' as BootId, than)).toBe(next)
    expect(laterBootId('0zzzzzzz' as BootId, than)).toBe('0zzzzzzz')
  })

  test('different octets, different ids', () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 })
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(seedKey(a) === seedKey(b)).toBe(Buffer.compare(a, b) === 0)
        expect(seedKey(a)).toMatch(/^[0-9a-z]{26}$/)
        expect(machineId(a.subarray(0, 10))).toMatch(/^i-[0-9a-z]{16}$/)
      }),
    )
  })

  test('names that people give', () => {
    expect(must(parseImageName('worker-26.05_1'))).toBe('worker-26.05_1')
    for (const bad of ['', '../x', 'a/b', 'A', '-a', 'a'.repeat(64)]) {
      expect(problem(parseImageName(bad))).toMatch(/not usable/)
    }
  })
})

test('seconds fit DHCP', () => {
  expect(seconds(0xffffffff)).toBe(4294967295)
  for (const bad of [-1, 1.5, 2 ** 32, Number.NaN]) expect(() => seconds(bad)).toThrow(RangeError)
})
