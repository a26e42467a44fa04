import { after, type EpochMs, type Seconds } from '../values/time.ts'
import type { BootToken } from './boot-token.ts'
import { stages, type BootEvent } from './boot-event.ts'
import { type Boot } from './boot.ts'

/** A Node object, as far as a boot depends on it. */
export interface NodeReport {
  readonly name: string
  readonly ready: boolean
  /** When its kubelet last reported, by the machine's clock; undefined when it never has. */
  readonly heartbeat?: EpochMs
  /** /proc/sys/kernel/random/boot_id */
  readonly kernelBoot: string
}

/**
 * What a Node says of its machine's latest boot. The Node of the boot before stays Ready for a while
 * after its machine was powered off: it must not close a boot that has only just begun, and so its
 * kernel has to be another one, and to have reported after this boot's script was handed out.
 * @param earlierKernels of the machine's boots before this one, as far as they are remembered
 */
export function nodeNews(
  node: NodeReport,
  boot: Boot,
  earlierKernels: ReadonlySet<string>,
): readonly BootEvent[] {
  if (boot.outcome === 'superseded' || boot.issued === undefined) return []
  if (boot.issued.hostname !== node.name) return []
  if (earlierKernels.has(node.kernelBoot)) return []
  if (node.heartbeat === undefined || node.heartbeat < wholeSecond(boot.issued.at)) return []
  const at = stages.indexOf(boot.stage)
  const events: BootEvent[] = []
  if (at < stages.indexOf('joined')) events.push({ kind: 'node.registered' })
  if (node.ready && at < stages.indexOf('ready')) {
    events.push({ kind: 'node.ready', kernelBoot: node.kernelBoot })
  }
  return events
}

/** Kubernetes writes times in whole seconds (metav1.Time). */
const wholeSecond = (time: EpochMs): number => time - (time % 1000)

/** Whether a machine that has its token should have had a Ready node by now. */
export const isOverdue = (
  token: BootToken,
  boot: Boot | undefined,
  readyWithin: Seconds,
  now: EpochMs,
): boolean =>
  boot?.issued !== undefined &&
  boot.id === token.boot &&
  (token.state === 'claimed' || token.state === 'sent') &&
  boot.outcome !== 'superseded' &&
  boot.stage !== 'ready' &&
  now > after(boot.issued.at, readyWithin)
