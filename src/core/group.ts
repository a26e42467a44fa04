import type { Seconds } from '../values/time.ts'
import type { Machine } from './machine.ts'

/** What a secret may be made to depend on. A hostname needs none of it but the address. */
export const evidenceKinds = [
  'netboot', // this boot began with DHCP from where only a booting NIC speaks: not a running system
  'address', // the asker speaks from an address that the machine holds
  'boot-window', // the boot is young enough
  'uuid', // DHCP option 97 says the SMBIOS UUID that the inventory has
  'serial', // the boot script's query says the serial that the inventory has
  'relay-port', // the relay's circuit id (option 82) is the one that was learnt at an earlier boot
] as const
export type EvidenceKind = (typeof evidenceKinds)[number]

/** Machines that join in the same way. Groups are configuration; the first that fits a machine counts. */
export interface Group {
  readonly name: string
  /** All of these labels, with these values. None: every machine. */
  readonly selector: Readonly<Record<string, string>>
  /** Where the bootstrap token comes from: minted in the cluster, stored by people, or there is none. */
  readonly token: 'minted' | 'stored' | 'none'
  /** The seed path of the current boot is always needed; these are needed besides. */
  readonly requires: ReadonlySet<EvidenceKind>
  /** How long after its script a boot may be given its secret, and how long a minted token lives. */
  readonly window: Seconds
  readonly nodeLabels: Readonly<Record<string, string>>
  /** Like `key=value:NoSchedule`. */
  readonly nodeTaints: readonly string[]
}

export const groupOf = (machine: Machine, groups: readonly Group[]): Group | undefined =>
  groups.find(({ selector }) =>
    Object.entries(selector).every(([key, value]) => machine.labels[key] === value),
  )
