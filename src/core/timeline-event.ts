import type { BootId, MachineId } from '../values/ids.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { BootEvent } from './boot-event.ts'

/** One thing that happened to one machine: a line of its boot timeline. */
export interface TimelineEvent {
  readonly at: EpochMs
  readonly machine: MachineId
  readonly boot: BootId
  readonly mac: Mac
  readonly event: BootEvent
}
