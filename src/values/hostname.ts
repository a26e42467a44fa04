import { accepted, refused, type Parsed } from './parse.ts'

/** A hostname that is also a valid Kubernetes node name. */
export type Hostname = string & { readonly __brand: 'Hostname' }

const label = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/**
 * A node name is an RFC 1123 DNS subdomain (Kubernetes, "Object Names and IDs"): lower case, labels
 * of at most 63 characters. Kubernetes would take 253 in all; Linux takes a hostname of at most 64
 * (`__NEW_UTS_LEN`), and a node whose kernel cuts its name joins under another one: 64 it is.
 */
export function parseHostname(text: string): Parsed<Hostname> {
  const problem = hostnameProblem(text)
  return problem === undefined
    ? accepted(text as Hostname)
    : refused(`hostname '${text}' ${problem}`)
}

function hostnameProblem(text: string): string | undefined {
  if (text.length === 0) return 'is empty'
  if (text.length > 64) return `has ${text.length} characters; Linux takes at most 64`
  if (text !== text.toLowerCase())
    return `has capitals; a Kubernetes node name is lower case: ${text.toLowerCase()}`
  if (text.includes('_'))
    return `has an underscore; a Kubernetes node name takes a-z, 0-9, '-' and '.'`
  if (/^[\d.]+$/.test(text)) return 'looks like a number or an address; give it a letter'
  for (const part of text.split('.')) {
    if (part.length === 0) return `has an empty label; dots stand between labels`
    if (part.length > 63) return `has a label of ${part.length} characters; DNS takes at most 63`
    if (!label.test(part)) {
      return `has the label '${part}'; a label takes a-z, 0-9 and '-', and begins and ends with a letter or digit`
    }
  }
  return undefined
}
