import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { CertificationRequest } from '@peculiar/asn1-csr'
import { AsnConvert, AsnParser } from '@peculiar/asn1-schema'
import {
  Extensions,
  type Attribute,
  type AttributeTypeAndValue,
  type SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509'
import type { Pkcs10, PublicKey } from '../../core/join-request.ts'

/** A kubelet's request has about 500 octets; with an RSA key of 8192 bits, 3,000. */
const mostOctets = 16_384

/** One quantifier between the lines: anybody who may ask for a certificate could else keep us busy. */
const armour =
  /^-----BEGIN CERTIFICATE REQUEST-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----$/

/** RFC 4519's short names, as people write a subject. */
const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
}

/** RFC 2985 section 5.4.2 */
const extensionRequest = '1.2.840.113549.1.9.14'

/**
 * Reads a certificate request (PKCS#10, RFC 2986), PEM or DER. Strict, since another parser, the
 * signer's, will read it too: what is not the one DER form of what was understood is refused.
 * Never throws, whatever the octets.
 */
export function parseCsr(bytes: Uint8Array): Pkcs10 {
  if (bytes.length > mostOctets) return { ok: false, problem: `it has ${bytes.length} octets` }
  try {
    return read(unarmour(bytes))
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : 'it cannot be read' }
  }
}

function unarmour(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes).toString('latin1')
  if (!text.includes('-----')) return Buffer.from(bytes)
  const [, body] = armour.exec(text.trim()) ?? []
  if (body === undefined) throw new Error('it is not one CERTIFICATE REQUEST in PEM')
  return Buffer.from(body, 'base64')
}

function read(der: Buffer): Pkcs10 {
  const parsed = AsnParser.parse(der, CertificationRequest)
  if (!der.equals(Buffer.from(AsnConvert.serialize(parsed)))) {
    return { ok: false, problem: 'it is not in DER, or something follows it' }
  }
  const { certificationRequestInfo: info, certificationRequestInfoRaw: signed } = parsed
  if (signed === undefined) return { ok: false, problem: 'it cannot be read' }
  const spki = Buffer.from(AsnConvert.serialize(info.subjectPKInfo))
  const key = importKey(spki)
  return {
    ok: true,
    subject: info.subject.flatMap((names) => names.map(readName)),
    extensions: [...(info.attributes ?? [])].flatMap(readAttribute),
    key: key === undefined ? otherKey(info.subjectPKInfo) : describe(key),
    keyDigest: createHash('sha256').update(spki).digest('hex'),
    signatureValid:
      key !== undefined &&
      isSigned(
        key,
        parsed.signatureAlgorithm.algorithm,
        Buffer.from(signed),
        Buffer.from(parsed.signature),
      ),
  }
}

function readName(name: AttributeTypeAndValue) {
  // A value that is no string (or one with a zero octet, say) shows as its octets: it fits no rule.
  const value = name.value.toString()
  return { type: shortNames[name.type] ?? name.type, value }
}

/** The extensions that an extensionRequest names; any other attribute by its own OID. */
function readAttribute({ type, values }: Attribute): readonly string[] {
  if (type !== extensionRequest) return [type]
  const names = values.flatMap((value) =>
    AsnParser.parse(value, Extensions).map(({ extnID }) => extnID),
  )
  return names.length === 0 ? [type] : names
}

function importKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

const otherKey = ({ algorithm }: SubjectPublicKeyInfo): PublicKey => ({
  kind: 'other',
  name: algorithm.algorithm,
})

/** OpenSSL's names of the NIST curves. */
const curves: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

function describe(key: KeyObject): PublicKey {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  switch (type) {
    case 'rsa':
      return { kind: 'rsa', bits: details?.modulusLength ?? 0 }
    case 'ec': {
      const curve = details?.namedCurve ?? 'an unnamed curve'
      return { kind: 'ecdsa', curve: curves[curve] ?? curve }
    }
    case 'ed25519':
      return { kind: 'ed25519' }
    default:
      return { kind: 'other', name: type ?? 'unknown' }
  }
}

/** RFC 8017 A.2.4, RFC 5758 3.2, RFC 8410: the digest that goes with each signature algorithm. */
const signatures: Readonly<Record<string, { type: string; digest: string | null }>> = {
  '1.2.840.113549.1.1.11': { type: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { type: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { type: 'rsa', digest: 'sha512' },
  '1.2.840.10045.4.3.2': { type: 'ec', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { type: 'ec', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { type: 'ec', digest: 'sha512' },
  '1.3.101.112': { type: 'ed25519', digest: null },
}

function isSigned(key: KeyObject, algorithm: string, data: Buffer, signature: Buffer): boolean {
  const how = signatures[algorithm]
  if (how === undefined || how.type !== key.asymmetricKeyType) return false
  // An exponent of any size would make one check take seconds.
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength > 8192 || publicExponent > 0xffff_ffffn) return false
  return verify(how.digest, data, key, signature)
}
