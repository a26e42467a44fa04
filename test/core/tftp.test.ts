import { describe, expect, test } from 'vitest'
import { answerRequest, type TftpGrant } from '../../src/core/tftp.ts'
import type { TftpRequest } from '../../src/wire/tftp.ts'
import { readRequest } from './tftp-scene.ts'

const snponly = Buffer.alloc(173_792)
const files = new Map([['snponly.efi', snponly]])
const lookup = (name: string): Buffer | undefined => files.get(name)

const request = (part: Partial<TftpRequest>): TftpRequest => ({
  ...readRequest({}, 'snponly.efi'),
  ...part,
})

describe('which file', () => {
  test.each([
    'snponly.efi',
    '/snponly.efi',
    '//snponly.efi',
    '\\snponly.efi',
    './snponly.efi',
    '/./\\.//snponly.efi',
    'snponly.efi/',
    'snponly.efi\xff', // firmware that reads DHCP's end option as a part of the name
  ])('%j is snponly.efi', (file) => {
    const answer = answerRequest(request({ file }), lookup)
    expect(answer).toMatchObject({ kind: 'grant', file: 'snponly.efi', content: snponly })
  })

  test.each([
    '',
    '/',
    'autoexec.ipxe',
    'SNPONLY.EFI',
    'boot/snponly.efi',
    'boot/../snponly.efi',
    '../snponly.efi',
    '..\\snponly.efi',
    '../../../etc/passwd',
    '..',
    'snponly.efi\xff\xff',
  ])('%j is not found', (file) => {
    // A root that has everything shows that `..` never even gets there.
    const answer = answerRequest(request({ file }), file.includes('..') ? () => snponly : lookup)
    expect(answer).toMatchObject({ kind: 'refusal', error: { code: 1 } })
  })

  test('the refusal is fit for a console', () => {
    const file = `\x1b[2J${'a'.repeat(300)}`
    const answer = answerRequest(request({ file }), lookup)
    expect(answer).toEqual({
      kind: 'refusal',
      file: `?[2J${'a'.repeat(124)}`,
      error: { op: 'error', code: 1, message: `file not found: ?[2J${'a'.repeat(124)}` },
    })
  })
})

describe('which operation', () => {
  test.each<readonly [string, Partial<TftpRequest>, number, string]>([
    ['a write', { op: 'wrq' }, 2, 'this server is read-only'],
    ['netascii', { mode: 'netascii' }, 4, 'only octet (binary) mode is served'],
    ['mail', { mode: 'mail' }, 4, 'only octet (binary) mode is served'],
    ['no mode', { mode: '' }, 4, 'only octet (binary) mode is served'],
  ])('%s is refused', (_what, part, code, message) => {
    const answer = answerRequest(request(part), lookup)
    expect(answer).toMatchObject({ kind: 'refusal', error: { op: 'error', code, message } })
  })

  test('the mode is of any case', () => {
    expect(answerRequest(request({ mode: 'OcTeT' }), lookup).kind).toBe('grant')
  })
})

describe('which options', () => {
  type Terms = Partial<Pick<TftpGrant, 'blockSize' | 'windowSize' | 'timeout'>>
  const limits = { blockSize: 1468, windowSize: 64 }

  test.each<readonly [string, Record<string, string>, Record<string, string>, Terms]>([
    ['none', {}, {}, { blockSize: 512, windowSize: 1 }],
    [
      'OVMF',
      { tsize: '0', blksize: '1468', windowsize: '4' },
      { tsize: '173792', blksize: '1468', windowsize: '4' },
      { blockSize: 1468, windowSize: 4 },
    ],
    [
      'iPXE',
      { blksize: '1432', tsize: '0' },
      { blksize: '1432', tsize: '173792' },
      { blockSize: 1432, windowSize: 1 },
    ],
    [
      'in capitals',
      { BLKSIZE: '1024', Timeout: '3' },
      { BLKSIZE: '1024', Timeout: '3' },
      { blockSize: 1024, timeout: 3 },
    ],
    [
      'the smallest',
      { blksize: '8', windowsize: '1', timeout: '1' },
      { blksize: '8', windowsize: '1', timeout: '1' },
      { blockSize: 8, windowSize: 1, timeout: 1 },
    ],
    [
      'the largest, cut down',
      { blksize: '65464', windowsize: '65535', timeout: '255' },
      { blksize: '1468', windowsize: '64', timeout: '255' },
      { blockSize: 1468, windowSize: 64, timeout: 255 },
    ],
    [
      'too small',
      { blksize: '7', windowsize: '0', timeout: '0' },
      {},
      { blockSize: 512, windowSize: 1 },
    ],
    [
      'too large',
      { blksize: '65465', windowsize: '65536', timeout: '256' },
      {},
      { blockSize: 512, windowSize: 1 },
    ],
    ['no numbers', { blksize: '1e3', windowsize: '', timeout: '-1' }, {}, { blockSize: 512 }],
    ['a number of 20 digits', { blksize: '11111111111111111111' }, {}, { blockSize: 512 }],
    ['unknown', { multicast: '', 'x-y': '1', utimeout: '100000' }, {}, { blockSize: 512 }],
    ['known and unknown', { rollover: '0', tsize: '0' }, { tsize: '173792' }, { blockSize: 512 }],
    ['tsize with a guess', { tsize: '99' }, { tsize: '173792' }, {}],
  ])('%s', (_what, asked, granted, terms) => {
    const answer = answerRequest(readRequest(asked, 'snponly.efi'), lookup, limits)
    const options = Object.entries(granted).map(([name, value]) => ({ name, value }))
    expect(answer).toMatchObject({ kind: 'grant', options, ...terms })
    expect('timeout' in answer).toBe('timeout' in terms)
  })

  test('given twice: the first counts (RFC 2347 allows one)', () => {
    const options = ['1024', '512'].map((value) => ({ name: 'blksize', value }))
    const answer = answerRequest(request({ options }), lookup)
    expect(answer).toMatchObject({ blockSize: 1024, options: [{ name: 'blksize', value: '1024' }] })
  })

  test('the size of an empty file is left out, as curl takes 0 for a fault', () => {
    const answer = answerRequest(readRequest({ tsize: 0 }), () => Buffer.alloc(0))
    expect(answer).toMatchObject({ kind: 'grant', options: [] })
  })
})
