import { accepted, must, refused, type Parsed } from './parse.ts'

/** An Ethernet address in its one canonical spelling: `52:54:00:a1:b2:c3`. */
export type Mac = string & { readonly __brand: 'Mac' }

const pairs = /^([0-9a-f]{2})([:-]?)([0-9a-f]{2})(?:\2[0-9a-f]{2}){4}$/
const cisco = /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/

/** Takes the spellings that labels, switches and iPXE use: colons, hyphens, Cisco dots, bare hex. */
export function parseMac(text: string): Parsed<Mac> {
  const lower = text.trim().toLowerCase()
  if (!pairs.test(lower) && !cisco.test(lower)) {
    return refused(`'${text}' is not a MAC address: write six hex pairs, like 52:54:00:a1:b2:c3`)
  }
  const digits = lower.replaceAll(/[^0-9a-f]/g, '')
  if (digits === '000000000000') return refused(`'${text}' is all zeros, which is no machine's MAC`)
  if (Number.parseInt(digits.slice(0, 2), 16) % 2 === 1) {
    return refused(`'${text}' is a multicast address, which is no machine's MAC`)
  }
  return accepted(digits.replaceAll(/(..)(?=.)/g, '$1:') as Mac)
}

/**
 * @param bytes exactly six octets, as in BOOTP's chaddr
 * @throws TypeError on another length, on all zeros, or on a group address
 */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) throw new TypeError(`a MAC has 6 octets, not ${bytes.length}`)
  return must(parseMac(Buffer.from(bytes).toString('hex')))
}

export const macToBytes = (mac: Mac): Uint8Array =>
  Uint8Array.from(Buffer.from(mac.replaceAll(':', ''), 'hex'))

/** iPXE's `${mac:hexhyp}` spelling, safe in a URL and in a file name: `52-54-00-a1-b2-c3`. */
export const macWithHyphens = (mac: Mac): string => mac.replaceAll(':', '-')
