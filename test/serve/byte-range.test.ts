import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseByteRange } from '../../src/serve/byte-range.ts'

test.each<[string | undefined, string]>([
  [undefined, 'whole'],
  ['', 'whole'],
  ['bytes=0-', '0..10'],
  ['bytes=0-0', '0..1'],
  ['bytes=9-', '9..10'],
  ['bytes=3-5', '3..6'],
  ['bytes=3-99', '3..10'],
  ['bytes=-3', '7..10'],
  ['bytes=-99', '0..10'],
  ['BYTES=0-1', '0..2'],
  ['bytes= 0-1 ', '0..2'],
  ['bytes=0-99999999999999999999999', '0..10'],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=10-11', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=99999999999999999999999-', 'unsatisfiable'],
  // RFC 9110 14.2: what is not valid, not understood or more than one range may be ignored.
  ['bytes=5-3', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=0-1,3-4', 'whole'],
  ['bytes=a-b', 'whole'],
  ['bytes=0x1-', 'whole'],
  ['bytes=1.5-', 'whole'],
  ['bytes', 'whole'],
  ['lines=0-1', 'whole'],
])('%s of ten octets', (header, expected) => {
  const range = parseByteRange(header, 10)
  expect(range.kind === 'part' ? `${range.from}..${range.to}` : range.kind).toBe(expected)
})

test('agrees with marking each octet by itself', () => {
  const position = fc.option(fc.nat({ max: 40 }), { nil: undefined })
  fc.assert(
    fc.property(position, position, fc.nat({ max: 30 }), (first, last, size) => {
      const header = `bytes=${first ?? ''}-${last ?? ''}`
      const wanted = Array.from({ length: size }, (_, at) =>
        first === undefined ? at >= size - (last ?? 0) : at >= first && at <= (last ?? size),
      )
      const range = parseByteRange(header, size)
      const invalid = first === undefined ? last === undefined : last !== undefined && last < first
      if (invalid) expect(range).toEqual({ kind: 'whole' })
      else if (!wanted.includes(true)) expect(range).toEqual({ kind: 'unsatisfiable' })
      else {
        const [from, to] = [wanted.indexOf(true), wanted.lastIndexOf(true) + 1]
        expect(range).toEqual({ kind: 'part', from, to })
      }
    }),
    { numRuns: 2000 },
  )
})

test('never throws, and never leaves the file', () => {
  const header = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^bytes=[0-9,-]{0,30}$/))
  fc.assert(
    fc.property(header, fc.nat(), (text, size) => {
      const range = parseByteRange(text, size)
      if (range.kind !== 'part') return
      expect(range.from).toBeGreaterThanOrEqual(0)
      expect(range.to).toBeGreaterThan(range.from)
      expect(range.to).toBeLessThanOrEqual(size)
    }),
  )
})
