/**
 * How a value is born: text (or a number) goes in once, at the edge, and comes out as a branded
 * value or as one sentence that says what to change. Nothing further in ever parses again.
 */
export type Parsed<T> = { readonly ok: true; readonly value: T } | Refused

export type Refused = { readonly ok: false; readonly problem: string }

export const accepted = <T>(value: T): Parsed<T> => ({ ok: true, value })

export const refused = (problem: string): Refused => ({ ok: false, problem })

/** For values that the program itself wrote: a refusal is then a bug. Throws TypeError. */
export function must<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new TypeError(parsed.problem)
  return parsed.value
}
