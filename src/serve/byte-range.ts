export type ByteRange =
  | { readonly kind: 'whole' }
  /** `to` is exclusive. */
  | { readonly kind: 'part'; readonly from: number; readonly to: number }
  | { readonly kind: 'unsatisfiable' }

const whole: ByteRange = { kind: 'whole' }

/**
 * A Range header on a body of `size` octets (RFC 9110 14.1.2). What is not one well-formed range of
 * bytes is ignored, as 14.2 has it; several ranges too, since no client of ours needs them and they
 * are how servers are made to work for nothing.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange {
  const found = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '')
  const [, first = '', last = ''] = found ?? []
  if (found === null || (first === '' && last === '')) return whole
  if (first === '') return part(Math.max(0, size - Number(last)), size)
  if (last !== '' && Number(last) < Number(first)) return whole
  return part(Number(first), last === '' ? size : Math.min(Number(last) + 1, size))
}

const part = (from: number, to: number): ByteRange =>
  from < to ? { kind: 'part', from, to } : { kind: 'unsatisfiable' }
