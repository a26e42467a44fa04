import type { Logger } from 'pino'
import { holderOf } from '../core/identity.ts'
import type { Group } from '../core/group.ts'
import { learntPort } from '../core/relay-port.ts'
import { record, type Happening } from '../core/timeline.ts'
import type { Store } from '../store/store.ts'
import { bootId, type BootId } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { EpochMs } from '../values/time.ts'

export interface RecorderDeps {
  readonly store: Pick<Store, 'facts' | 'update'>
  readonly clock: () => EpochMs
  readonly random: (octets: number) => Uint8Array
  readonly log: Pick<Logger, 'error'>
  readonly groups?: readonly Group[] | undefined
}

/** `during` keeps an event that comes late out of the next boot's timeline. */
export type Noted = Omit<Happening, 'issued'> & { readonly during?: BootId | undefined }

type Speaker = Omit<Noted, 'event'>

/** Writes to the timeline what machines do. */
export interface Recorder {
  /** The machine that this address belongs to, and the boot that it is in. */
  readonly speaker: (address: Ipv4 | undefined) => Speaker | undefined
  /** Durable when it resolves. @throws StoreError */
  readonly keep: (noted: Noted) => Promise<void>
  /** In the background; nobody waits for it, and a failure goes to the log. */
  readonly note: (noted: Noted) => void
}

export function createRecorder({ store, clock, random, log, groups = [] }: RecorderDeps): Recorder {
  const keep = async (noted: Noted): Promise<void> => {
    const { during, ...happening } = noted
    const now = clock()
    const fresh = bootId(now, random(10))
    await store.update((facts) => {
      const latest = facts.latestBoot(happening.machine)
      const late = during !== undefined && during !== latest?.id
      const gone = facts.machine(happening.machine) === undefined
      if (late || gone) return { changes: [], result: undefined }
      const changes = record(happening, latest, fresh, now)
      return { changes: [...changes, ...learntPort(facts, groups, changes)], result: undefined }
    })
  }

  const note = (noted: Noted): void => {
    keep(noted).catch((error: unknown) =>
      log.error({ err: error, machine: noted.machine, kind: noted.event.kind }, 'event lost'),
    )
  }

  const speaker = (address: Ipv4 | undefined): Speaker | undefined => {
    const holder = address === undefined ? undefined : holderOf(address, store.facts, clock())
    if (holder === undefined) return undefined
    const { machine, mac } = holder
    return { machine: machine.id, mac, during: store.facts.latestBoot(machine.id)?.id }
  }

  return { speaker, keep, note }
}
