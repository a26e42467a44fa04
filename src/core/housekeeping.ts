import type { EpochMs } from '../values/time.ts'
import type { Change } from './change.ts'
import type { LeaseFacts } from './facts.ts'

/** Quarantines that are over: they hold nobody back any more, and would add up. */
export const endedQuarantines = (facts: LeaseFacts, now: EpochMs): readonly Change[] =>
  [...facts.quarantine()].flatMap(([address, until]) =>
    until <= now ? [{ kind: 'quarantine.delete', address } as const] : [],
  )
