import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCsr } from '../../../src/serve/kubernetes/parse-csr.ts'
import { goldenRequest } from '../../golden/csr.ts'
import type { OpensslRequest } from './openssl.ts'

const subject = '/O=system:nodes/CN=system:node:node-r12-09'
const rsa = (bits: number) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`]
const ec = (curve: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`]

describe("OpenSSL's requests", () => {
  test.each<[string, Partial<OpensslRequest>, object]>([
    ['P-256', {}, { kind: 'ecdsa', curve: 'P-256' }],
    ['P-384', { key: ec('P-384'), digest: 'sha384' }, { kind: 'ecdsa', curve: 'P-384' }],
    ['P-521', { key: ec('P-521'), digest: 'sha512' }, { kind: 'ecdsa', curve: 'P-521' }],
    ['secp256k1', { key: ec('secp256k1') }, { kind: 'ecdsa', curve: 'secp256k1' }],
    ['RSA', { key: rsa(2048) }, { kind: 'rsa', bits: 2048 }],
    ['a short RSA', { key: rsa(1024) }, { kind: 'rsa', bits: 1024 }],
    ['Ed25519', { key: ['-algorithm', 'ED25519'] }, { kind: 'ed25519' }],
    ['DER', { form: 'DER' }, { kind: 'ecdsa', curve: 'P-256' }],
  ])('%s', (_name, how, key) => {
    expect(parseCsr(goldenRequest({ subject, ...how }))).toEqual({
      ok: true,
      subject: [
        { type: 'O', value: 'system:nodes' },
        { type: 'CN', value: 'system:node:node-r12-09' },
      ],
      extensions: [],
      key,
      keyDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      signatureValid: true,
    })
  })

  test('alternative names show as the extension that they are', () => {
    const names = goldenRequest({ subject, extension: 'subjectAltName=DNS:r1,IP:192.0.2.1' })
    expect(parseCsr(names)).toMatchObject({ ok: true, extensions: ['2.5.29.17'] })
    const other = goldenRequest({ subject, extension: 'basicConstraints=CA:TRUE' })
    expect(parseCsr(other)).toMatchObject({ ok: true, extensions: ['2.5.29.19'] })
  })

  test('every name of the subject, also several in one', () => {
    expect(
      parseCsr(goldenRequest({ subject: '/O=a/OU=b+CN=c/CN=d/emailAddress=e' })),
    ).toMatchObject({
      subject: [
        { type: 'O', value: 'a' },
        { type: 'CN', value: 'c' }, // DER sorts the names of a set
        { type: 'OU', value: 'b' },
        { type: 'CN', value: 'd' },
        { type: '1.2.840.113549.1.9.1', value: 'e' },
      ],
    })
  })

  test('a signature by SHA-1, or by a key that is not shown, is none', () => {
    expect(parseCsr(goldenRequest({ subject, digest: 'sha1' }))).toMatchObject({
      signatureValid: false,
    })
    const der = goldenRequest({ subject, form: 'DER' })
    der[der.length - 1]! ^= 1
    expect(parseCsr(der)).toMatchObject({ ok: true, signatureValid: false })
  })
})

describe('what another parser might read in another way', () => {
  const der = goldenRequest({ subject, form: 'DER' })
  const pem = goldenRequest({ subject }).toString()

  test.each<[string, Uint8Array]>([
    ['octets after it', Buffer.concat([der, Buffer.from([0])])],
    ['a second request after it', Buffer.concat([der, der])],
    ['two requests in PEM', Buffer.from(pem + pem)],
    ['a certificate', Buffer.from(pem.replaceAll(' REQUEST', ''))],
    ['PEM headers', Buffer.from(pem.replace('\n', '\nProc-Type: 4\n\n'))],
    ['text before the PEM', Buffer.from(`hello\n${pem}`)],
    ['nothing', new Uint8Array()],
    ['too much', new Uint8Array(100_000)],
  ])('%s', (_name, bytes) => {
    expect(parseCsr(bytes)).toMatchObject({ ok: false, problem: expect.any(String) })
  })

  test('a length in more octets than DER takes', () => {
    const header = der[1]! < 0x80 ? 2 : 2 + (der[1]! & 0x7f)
    const body = der.subarray(header)
    const loose = Buffer.concat([Buffer.from([0x30, 0x83, 0, body.length >> 8, body.length]), body])
    expect(parseCsr(loose).ok).toBe(false)
  })
})

describe('any octets', () => {
  const der = goldenRequest({ subject, form: 'DER' })

  test('give a result', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(typeof parseCsr(bytes).ok).toBe('boolean')
      }),
    )
  })

  test('a damaged request is never one that its key has signed, unless it is the same', () => {
    const damage = fc.array(fc.tuple(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(damage, fc.nat(der.length), (changes, cut) => {
        const bytes = Buffer.from(der)
        for (const [at, mask] of changes) bytes[at]! ^= mask
        const parsed = parseCsr(bytes)
        expect(parsed.ok && parsed.signatureValid && !bytes.equals(der)).toBe(false)
        expect(parseCsr(der.subarray(0, cut)).ok).toBe(cut === der.length)
      }),
      { numRuns: 2000 },
    )
  })
})

test('empty lines by the thousand are read in one pass', () => {
  const empty = '\n'.repeat(7000)
  const armoured = (after: string) =>
    Buffer.from(
      `-----BEGIN CERTIFICATE REQUEST-----${empty}AAAA${empty}-----END CERTIFICATE REQUEST-----${after}`,
    )
  expect(parseCsr(armoured('\nX'))).toMatchObject({ ok: false })
  expect(parseCsr(armoured('\n'))).toMatchObject({ ok: false })
})
