/** Milliseconds since 1970-01-01T00:00:00Z. Made by the daemon's clock, never inside the core. */
export type EpochMs = number & { readonly __brand: 'EpochMs' }

/** A duration in whole seconds, as DHCP's options 51, 58 and 59 carry it. */
export type Seconds = number & { readonly __brand: 'Seconds' }

export const epochMs = (value: number): EpochMs => value as EpochMs

/** @throws RangeError unless the value fits an unsigned 32-bit number */
export function seconds(value: number): Seconds {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new RangeError(`${value} is not a whole number of seconds from 0 to 4294967295`)
  }
  return value as Seconds
}

export const after = (start: EpochMs, duration: Seconds): EpochMs =>
  (start + duration * 1000) as EpochMs

export const formatTime = (time: EpochMs): string => new Date(time).toISOString()
