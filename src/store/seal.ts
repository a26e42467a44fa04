import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'
import type { Sealed } from '../core/boot-token.ts'
import { accepted, refused, type Parsed } from '../values/parse.ts'

/** 32 octets that secrets at rest are sealed under, and the name by which a sealed text knows it. */
export interface SealingKey {
  readonly id: string
  readonly bytes: Uint8Array
}

const version = 'v1'
const keyLength = 32
/** NIST SP 800-38D 8.2.2: random nonces of 96 bits are good for 2^32 texts a key. */
const nonceLength = 12
const tagLength = 16

/** @param bytes 32 octets as they are, or in base64 (44 characters) with or without a line end */
export function sealingKey(bytes: Uint8Array): Parsed<SealingKey> {
  const text = Buffer.from(bytes).toString('latin1').trim()
  const decoded = /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64') : undefined
  const key = bytes.length === keyLength ? bytes : decoded
  if (key?.length !== keyLength) {
    return refused('is not a key: 32 octets, or those in base64 (rollcall key generate makes one)')
  }
  // The hash of a key says nothing of it, and eight digits of the hash tell our few keys apart.
  const id = createHash('sha256').update('rollcall key id').update(key).digest('hex').slice(0, 8)
  return accepted({ id, bytes: key })
}

/**
 * AES-256-GCM: `v1.<key id>.<nonce, text and tag in base64url>`.
 * @param record what the text belongs to: sealed text that was moved elsewhere does not open
 * @param nonce 12 random octets, never the same twice under one key
 */
export function seal(key: SealingKey, text: string, record: string, nonce: Uint8Array): Sealed {
  if (nonce.length !== nonceLength) throw new TypeError(`a nonce has ${nonceLength} octets`)
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: tagLength })
  cipher.setAAD(associated(key.id, record))
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final()])
  const whole = Buffer.concat([sealed, cipher.getAuthTag()])
  return `${version}.${key.id}.${whole.toString('base64url')}` as Sealed
}

/** The name of the key that a text was sealed under. */
export const keyIdOf = (sealed: Sealed): string => sealed.split('.')[1] ?? ''

/** A refusal names the key that is missing, and never the text. */
export function unseal(
  keys: readonly SealingKey[],
  sealed: Sealed,
  record: string,
): Parsed<string> {
  const [form, id = '', data = ''] = sealed.split('.')
  if (form !== version) return refused('it was sealed in a form that this version does not know')
  const key = keys.find((each) => each.id === id)
  if (key === undefined) return refused(`it was sealed under key ${id}, which is not here`)
  const bytes = Buffer.from(data, 'base64url')
  if (bytes.length < nonceLength + tagLength) return refused('it is cut short')
  const nonce = bytes.subarray(0, nonceLength)
  const options = { authTagLength: tagLength }
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, nonce, options)
  decipher.setAAD(associated(id, record))
  decipher.setAuthTag(bytes.subarray(-tagLength))
  try {
    const text = decipher.update(bytes.subarray(nonceLength, -tagLength))
    return accepted(Buffer.concat([text, decipher.final()]).toString('utf8'))
  } catch {
    return refused('it was changed, or belongs to another record')
  }
}

const associated = (keyId: string, record: string): Buffer =>
  Buffer.from(`rollcall ${version} ${keyId} ${record}`, 'utf8')
