import type { Hostname } from '../values/hostname.ts'
import type { MachineId } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { SmbiosUuid } from '../values/uuid.ts'

/** One racked machine as the inventory knows it. Its MACs say who it is; its hostname is issued. */
export interface Machine {
  readonly id: MachineId
  readonly hostname: Hostname
  /** At least one; any of them may be the one that netboots. */
  readonly macs: readonly Mac[]
  /** The address reserved for it, given to whichever of its NICs asks. */
  readonly address?: Ipv4
  readonly serial?: string
  readonly uuid?: SmbiosUuid
  readonly labels: Readonly<Record<string, string>>
  /** Extra `#cloud-config` YAML, served as its user-data. */
  readonly cloudConfig?: string
  /** Counts changes of this record; part of the HTTP entity tag. */
  readonly version: number
  readonly created: EpochMs
  readonly updated: EpochMs
}
