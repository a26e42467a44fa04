import { describe, expect, test } from 'vitest'
import { decodeDhcp, DhcpEncodeError, encodeDhcp } from '../../src/wire/dhcp.ts'
import { option, optionsOf, relayAgentOf } from '../../src/wire/dhcp-options.ts'
import { bytes, hex, message, optionList, packet } from './dhcp-messages.ts'

describe('long options (RFC 3396)', () => {
  test('pieces are joined in their order, wherever others stand between them', () => {
    const { options } = decodeDhcp(packet('430161 350101 43026263 0c0161 430164 ff'))
    expect(optionList(options)).toEqual(['67=61626364', '53=01', '12=61'])
  })

  test.each([
    [255, [255]],
    [256, [255, 1]],
    [510, [255, 255]],
    [700, [255, 255, 190]],
  ])('an option of %i octets is written as pieces of %j', (length, pieces) => {
    const value = Uint8Array.from({ length }, (_, index) => index)
    const encoded = encodeDhcp(message({ options: optionsOf([43, value]) }), {
      minSize: 0,
      maxSize: 1472,
    })
    const lengths: number[] = []
    for (let at = 240; encoded[at] !== 255; at += 2 + (encoded[at + 1] ?? 0)) {
      expect(encoded[at]).toBe(43)
      lengths.push(encoded[at + 1] ?? 0)
    }
    expect(lengths).toEqual(pieces)
    expect(decodeDhcp(encoded).options.get(43)).toEqual(value)
  })
})

describe('option overload (RFC 2132 9.3), read', () => {
  const file = '430161 00 0c0161 ff 0cff'
  const sname = '430162 420163'

  test('file', () => {
    const decoded = decodeDhcp(packet('340101 350101 ff', { file, sname: '626f6f74' }))
    expect(optionList(decoded.options)).toEqual(['53=01', '67=61', '12=61'])
    expect(decoded).toMatchObject({ file: '', sname: 'boot' })
  })

  test('sname', () => {
    const decoded = decodeDhcp(packet('340102 350101 ff', { file: '612e656669', sname }))
    expect(optionList(decoded.options)).toEqual(['53=01', '67=62', '66=63'])
    expect(decoded).toMatchObject({ file: 'a.efi', sname: '' })
  })

  test('both: file comes before sname, and pieces are joined across them (RFC 3396 5)', () => {
    const decoded = decodeDhcp(packet('350101 430100 340103 ff', { file, sname }))
    expect(optionList(decoded.options)).toEqual(['53=01', '67=006162', '12=61', '66=63'])
    expect(decoded).toMatchObject({ file: '', sname: '' })
  })

  test('an overload within file does not open sname', () => {
    const decoded = decodeDhcp(packet('340101 ff', { file: '340103 0c0161 ff', sname: '626f6f74' }))
    expect(optionList(decoded.options)).toEqual(['12=61'])
    expect(decoded.sname).toBe('boot')
  })
})

describe('option overload, written as the last resort', () => {
  const long = (code: number, length: number) => [code, new Uint8Array(length).fill(code)] as const
  const type = option.messageType.write('offer')
  /** 58 octets for options: type (3), and with an overload 51 for others. */
  const limits = { minSize: 0, maxSize: 298 }
  const overloadIn = (encoded: Uint8Array): string | undefined =>
    /340(1)0([123])/.exec(hex(encoded.subarray(240)))?.[2]

  test('is not used while the options fit', () => {
    const full = message({ options: optionsOf(type, long(12, 52)) })
    const encoded = encodeDhcp(full, limits)
    expect(encoded).toHaveLength(298)
    expect(overloadIn(encoded)).toBeUndefined()
    expect(decodeDhcp(encoded)).toEqual(full)
  })

  test.each([
    ['file', '1', [long(12, 53)], {}],
    ['file only', '1', [long(12, 40), long(43, 100)], { sname: 'boot' }],
    ['sname', '2', [long(12, 40), long(43, 50)], { file: 'a.efi' }],
    ['both', '3', [long(12, 40), long(43, 100), long(61, 50)], {}],
  ])('%s', (_what, expected, entries, changes) => {
    const crowded = message({ ...changes, options: optionsOf(type, ...entries) })
    const encoded = encodeDhcp(crowded, limits)
    expect(encoded.length).toBeLessThanOrEqual(298)
    expect(overloadIn(encoded)).toBe(expected)
    expect(decodeDhcp(encoded)).toEqual(crowded)
    expect(optionList(decodeDhcp(encoded).options)).toEqual(optionList(crowded.options))
  })

  test('option 82 stays last in the options field', () => {
    const echo = relayAgentOf([1, bytes('627230')])
    const options = optionsOf(option.relayAgent.write(echo), type, long(12, 40), long(43, 100))
    const encoded = encodeDhcp(message({ options }), limits)
    expect(hex(encoded.subarray(240))).toMatch(/3401015205[0-9a-f]{10}ff$/)
    expect(decodeDhcp(encoded).options).toEqual(options)
  })

  test.each([
    ['file and sname are in use', [long(12, 60)], { file: 'a.efi', sname: 'boot' }],
    ['sname cannot take the rest', [long(12, 100)], { file: 'a.efi' }],
    ['file and sname cannot take the rest', [long(43, 200)], {}],
    ['file and sname cannot take the rest', [long(82, 60)], {}],
  ])('says that %s', (problem, entries, changes) => {
    const encode = (): unknown =>
      encodeDhcp(message({ ...changes, options: optionsOf(type, ...entries) }), limits)
    expect(encode).toThrow(DhcpEncodeError)
    expect(encode).toThrow(problem)
    expect(encode).toThrow('58 are free of 298')
  })
})
