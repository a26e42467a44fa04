import { createHash } from 'node:crypto'

interface Versioned {
  readonly version: number
}

/**
 * The version, for people, and a hash of the whole record, since a record that was deleted and made
 * again starts at version 1 again and must not pass for the old one.
 */
export function entityTag(view: Versioned): string {
  const hash = createHash('sha256').update(JSON.stringify(view)).digest('hex')
  return `"${view.version}-${hash.slice(0, 12)}"`
}

export interface Conditions {
  readonly 'if-match'?: string | undefined
  readonly 'if-none-match'?: string | undefined
}

/** RFC 9110, 13.1.1 and 13.1.2, for requests that change something. */
export function meets<T>(conditions: Conditions, viewOf: (record: T) => Versioned) {
  return (current: T | undefined): boolean => {
    const tag = current === undefined ? undefined : entityTag(viewOf(current))
    const match = conditions['if-match']
    if (match !== undefined && !lists(match, tag)) return false
    const none = conditions['if-none-match']
    return none === undefined || !lists(none.replaceAll('W/', ''), tag)
  }
}

/** Whether a client that has this already needs no answer (If-None-Match on GET). */
export const isFresh = (conditions: Conditions, view: Versioned): boolean => {
  const none = conditions['if-none-match']
  return none !== undefined && lists(none.replaceAll('W/', ''), entityTag(view))
}

const lists = (header: string, tag: string | undefined): boolean =>
  tag !== undefined &&
  (header.trim() === '*' || header.split(',').some((each) => each.trim() === tag))
