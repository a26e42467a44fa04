import type { Logger } from 'pino'
import type { Sealed } from '../../core/boot-token.ts'
import type { BootEvent } from '../../core/boot-event.ts'
import type { Boot } from '../../core/boot.ts'
import type { Change } from '../../core/change.ts'
import { record } from '../../core/timeline.ts'
import type { Store } from '../../store/store.ts'
import type { Parsed } from '../../values/parse.ts'
import type { EpochMs } from '../../values/time.ts'
import type { ClusterApi, ClusterError } from './cluster-api.ts'

/** What every task beside the cluster is given. */
export interface TaskDeps {
  readonly store: Pick<Store, 'facts' | 'update' | 'subscribe' | 'audit' | 'boots' | 'events'>
  readonly cluster: ClusterApi
  readonly clock: () => EpochMs
  readonly random: (octets: number) => Uint8Array
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly timing?: Timing
}

/** In milliseconds; shorter in tests. */
export interface Timing {
  /** How often all tokens and boots are looked at for what time alone has changed. */
  readonly sweepMs?: number
  /** How often Secrets are looked for that nobody knows. */
  readonly orphansMs?: number
  /** Between two tries when the cluster is away: the first, and the longest. */
  readonly firstMs?: number
  readonly mostMs?: number
}

export interface Task {
  /** Takes nothing new; resolves when all that is under way has ended. */
  readonly stop: () => Promise<void>
}

/** Seals secrets for the disk; `record` is what a secret belongs to. */
export interface Sealer {
  readonly seal: (text: string, record: string) => Parsed<Sealed>
  readonly open: (sealed: Sealed, record: string) => Parsed<string>
}

/** A line on the timeline of the boot that a machine is in. */
export const happened = (boot: Boot, event: BootEvent, now: EpochMs): readonly Change[] =>
  record({ machine: boot.machine, mac: boot.mac, event }, boot, boot.id, now)

/** Says in the log that something has to wait for the cluster, and that it is over. */
export const troubleTo =
  (log: TaskDeps['log'], what: string) =>
  (error: ClusterError | undefined): void =>
    error === undefined
      ? log.info(`${what}: the cluster is back`)
      : log.warn(`${what} wait for the cluster (${error.kind}): ${error.message}`)
