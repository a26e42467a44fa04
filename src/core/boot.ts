import type { Hostname } from '../values/hostname.ts'
import type { BootId, ImageName, MachineId, SeedDigest } from '../values/ids.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs, Seconds } from '../values/time.ts'
import { stages, type BootEvent, type Stage } from './boot-event.ts'
import type { Seen } from './seen.ts'

export type Outcome =
  | 'running'
  | 'up' // phoned home under the name that was issued, or cloud-init has ended
  | 'misnamed' // phoned home under another name
  | 'superseded' // the machine was powered on again before it was up

/** One power-on of one machine. */
export interface Boot {
  readonly id: BootId
  readonly machine: MachineId
  /** The NIC that it boots from. */
  readonly mac: Mac
  readonly stage: Stage
  readonly outcome: Outcome
  readonly opened: EpochMs
  readonly updated: EpochMs
  /** How many events its timeline has had. */
  readonly events: number
  /** What the boot script issued; absent before it was fetched. */
  readonly issued?: Issued
  /** The latest thing that went wrong, in words; cleared by none, since it explains a slow boot too. */
  readonly problem?: string
  /** What was heard of the machine itself in this boot; a secret may depend on it. */
  readonly seen?: Seen
  /** SHA-256 of the public key that was approved for its kubelet: another one is somebody else's. */
  readonly nodeKey?: string
  /** /proc/sys/kernel/random/boot_id, as its Node said when Ready: tells a later boot's Node from this. */
  readonly kernelBoot?: string
}

export interface Issued {
  readonly hostname: Hostname
  readonly image: ImageName
  /** SHA-256 of the seed key: who steals the database cannot ask for a seed. */
  readonly seed: SeedDigest
  readonly at: EpochMs
}

/** A firmware that is silent for longer than this has been powered off in between. */
const firmwarePatience = 300 as Seconds

/**
 * Whether an event begins another boot rather than belong to the one at hand. Firmware only speaks
 * right after power-on; iPXE's DHCP comes before its script; whoever fetches a script again has
 * started over.
 */
export function beginsBoot(event: BootEvent, current: Boot | undefined, now: EpochMs): boolean {
  if (current === undefined) return true
  const at = stages.indexOf(current.stage)
  const silence = now - current.updated > firmwarePatience * 1000
  switch (event.kind) {
    case 'script.sent':
      return at >= stages.indexOf('script')
    case 'dhcp.offer':
    case 'dhcp.no-answer':
      if (event.client === 'system') return false
      if (event.client === 'ipxe') return at >= stages.indexOf('script') || silence
      return at > stages.indexOf('firmware') || silence
    case 'dhcp.ack':
    case 'dhcp.nak':
    case 'dhcp.release':
    case 'dhcp.decline':
    case 'boot-file.sent':
    case 'boot-file.failed':
    case 'boot-file.missing':
    case 'script.refused':
    case 'image.sent':
    case 'image.failed':
    case 'seed.sent':
    case 'seed.refused':
    case 'cloud-init':
    case 'phone-home':
    case 'seed.elsewhere':
    case 'relay-port.moved':
    case 'token.stored':
    case 'token.sent':
    case 'token.lost':
    case 'token.refused':
    case 'token.withheld':
    case 'token.waiting':
    case 'token.minted':
    case 'csr.approved':
    case 'csr.left-alone':
    case 'csr.denied':
    case 'node.registered':
    case 'node.ready':
    case 'node.not-ready-in-time':
      return false
  }
}
