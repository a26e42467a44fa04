/** Syntax of the fields that have no value type of their own. Each returns a sentence's end. */

const labelName = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/
const dnsSubdomain = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

/** Kubernetes, "Labels and Selectors": an optional DNS prefix with `/`, then a name of at most 63. */
export function labelKeyProblem(key: string): string | undefined {
  const [name = '', prefix, ...rest] = key.split('/').toReversed()
  if (rest.length > 0) return `label key '${key}' has more than one '/'`
  if (prefix !== undefined && (prefix.length > 253 || !dnsSubdomain.test(prefix))) {
    return `label key '${key}' has the prefix '${prefix}', which is not a DNS name`
  }
  if (name.length > 63 || !labelName.test(name)) {
    return `label key '${key}' is not usable: 1 to 63 of A-Z, a-z, 0-9, '-', '_' and '.', with a letter or digit at both ends`
  }
  return undefined
}

export function labelValueProblem(value: string): string | undefined {
  if (value === '' || (value.length <= 63 && labelName.test(value))) return undefined
  return `label value '${value}' is not usable: at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', with a letter or digit at both ends`
}

/** What vendors leave in SMBIOS type 1 where a serial number should be: many boards, one "serial". */
const placeholders = new Set([
  '0123456789',
  '123456789',
  'default string',
  'none',
  'not applicable',
  'not available',
  'not specified',
  'system serial number',
  'to be filled by o.e.m.',
  'unknown',
])

export function serialProblem(serial: string): string | undefined {
  if (!/^[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(serial)) {
    return `'${serial}' is not a serial number: 1 to 64 printable ASCII characters`
  }
  if (placeholders.has(serial.toLowerCase())) {
    return `'${serial}' is what boards without a serial number say; leave it out`
  }
  return undefined
}

export function domainProblem(domain: string): string | undefined {
  if (domain.length <= 253 && dnsSubdomain.test(domain)) return undefined
  return `'${domain}' is not a DNS domain: write it like rack.example.org`
}
