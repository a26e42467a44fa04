import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  bootFileFor,
  bootFileNames,
  bootFiles,
  parseFirmware,
  unservedFamilies,
} from '../../src/core/boot-file.ts'

const firmware = parseFirmware(
  JSON.parse(readFileSync(new URL('../../netboot/firmware.json', import.meta.url), 'utf8')),
)

/** What Debian's `ipxe` puts into /usr/lib/ipxe: bookworm's of 2019, and that of 2025. */
const bookworm = ['undionly.kpxe', 'ipxe.pxe', 'ipxe.efi', 'snponly.efi']
const newer = [...bookworm, 'ipxe-arm64.efi', 'snponly-arm64.efi']

describe('netboot/firmware.json', () => {
  test.each([
    // option 93, how, Debian bookworm, newer
    [0, 'tftp', 'undionly.kpxe', 'undionly.kpxe'],
    [7, 'tftp', 'snponly.efi', 'snponly.efi'],
    [9, 'tftp', 'snponly.efi', 'snponly.efi'],
    [16, 'http', 'ipxe.efi', 'ipxe.efi'],
    [17, 'http', 'ipxe.efi', 'ipxe.efi'],
    [11, 'tftp', undefined, 'snponly-arm64.efi'],
    [19, 'http', undefined, 'ipxe-arm64.efi'],
    [6, 'tftp', undefined, undefined],
    [15, 'http', undefined, undefined],
    [27, 'tftp', undefined, undefined], // RISC-V: known to IANA, not to us
  ] as const)('architecture %i by %s', (arch, via, inBookworm, inNewer) => {
    expect(bootFiles(firmware, bookworm).fileFor(arch, via)).toBe(inBookworm)
    expect(bootFiles(firmware, newer).fileFor(arch, via)).toBe(inNewer)
  })

  test('falls back to the next name, and says what it looked for', () => {
    const only = (name: string) => (candidate: string) => candidate === name
    expect(bootFileFor(firmware, 7, 'tftp', only('ipxe.efi'))).toEqual({ file: 'ipxe.efi' })
    expect(bootFileFor(firmware, 11, 'tftp', only('ipxe.efi'))).toEqual({
      problem: 'none of snponly-arm64.efi, ipxe-arm64.efi is there for UEFI arm64',
    })
    expect(bootFileFor(firmware, 27, 'tftp', () => true)).toEqual({
      problem: 'no boot file is known for architecture 27',
    })
  })

  test('says which firmware cannot be served', () => {
    const names = (available: readonly string[]) =>
      unservedFamilies(firmware, (name) => available.includes(name)).map(({ name }) => name)
    expect(names(bookworm)).toEqual(['UEFI arm64', 'UEFI x86 (32 bit)'])
    expect(names([])).toHaveLength(firmware.families.length)
    expect(names(bootFileNames(firmware))).toEqual([])
  })
})

describe('a firmware file that cannot be right', () => {
  const one = { name: 'a', architectures: [7], tftp: ['a.efi'], http: ['a.efi'] }

  test.each<[string, unknown, string]>([
    [
      'an architecture in two families',
      [one, { ...one, name: 'b' }],
      "architecture 7 is in 'a' and in 'b'",
    ],
    ['a path', [{ ...one, tftp: ['../etc/shadow'] }], 'a plain file name'],
    ['a hidden file', [{ ...one, tftp: ['.profile'] }], 'a plain file name'],
    ['no file', [{ ...one, http: [] }], 'http'],
    ['no family', [], 'families'],
    ['no 16 bit number', [{ ...one, architectures: [65_536] }], 'architectures'],
    ['a key that nobody reads', [{ ...one, https: ['a.efi'] }], 'https'],
  ])('%s', (_, families, problem) => {
    expect(() => parseFirmware({ families })).toThrow(problem)
  })
})
