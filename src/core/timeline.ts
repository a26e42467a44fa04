import { laterBootId, type BootId, type MachineId } from '../values/ids.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import { isLastWord, problemOf, stageOf, stages, type BootEvent } from './boot-event.ts'
import { beginsBoot, type Boot, type Issued } from './boot.ts'
import type { Change } from './change.ts'
import { sawAlso, type Seen } from './seen.ts'

export interface Happening {
  readonly machine: MachineId
  readonly mac: Mac
  readonly event: BootEvent
  /** With `script.sent` only: what the script issued. */
  readonly issued?: Issued
  /** What the event showed of the machine itself. */
  readonly seen?: Seen
}

/** A client that never stops talking may fill its timeline, not the disk. */
export const mostEvents = 1000

/**
 * The only place that moves a boot: an event goes in, the boot's next state and the timeline line come
 * out as changes. An event that cannot belong to any boot (a lease taken by a machine that was never
 * seen booting) opens one, since a machine that speaks to us is running something.
 *
 * @param current the machine's latest boot
 * @param fresh the id for a boot that this event may open
 */
export function record(
  happening: Happening,
  current: Boot | undefined,
  fresh: BootId,
  now: EpochMs,
): readonly Change[] {
  const { machine, mac, event } = happening
  const changes: Change[] = []
  let boot = current
  if (boot === undefined || beginsBoot(event, boot, now)) {
    if (boot?.outcome === 'running') {
      changes.push({ kind: 'boot.put', boot: { ...boot, outcome: 'superseded', updated: now } })
    }
    boot = newBoot(happening, laterBootId(fresh, current?.id), now)
  } else if (isRepeated(event, boot)) {
    // Firmware that still asks is still there; a script can be asked for by anybody.
    if (event.kind === 'script.refused') return []
    return [{ kind: 'boot.put', boot: { ...boot, updated: now } }]
  }
  changes.push({ kind: 'boot.put', boot: advance(boot, happening, now) })
  if (boot.events < mostEvents) {
    changes.push({ kind: 'event.add', event: { at: now, machine, boot: boot.id, mac, event } })
  }
  return changes
}

/** Several events of one machine, in order. */
export function recordAll(
  happenings: readonly Happening[],
  current: Boot | undefined,
  fresh: BootId,
  now: EpochMs,
): readonly Change[] {
  const changes: Change[] = []
  let boot = current
  for (const happening of happenings) {
    for (const change of record(happening, boot, fresh, now)) {
      changes.push(change)
      if (change.kind === 'boot.put') boot = change.boot
    }
  }
  return changes
}

const newBoot = ({ machine, mac }: Happening, id: BootId, now: EpochMs): Boot => ({
  id,
  machine,
  mac,
  stage: 'firmware',
  outcome: 'running',
  opened: now,
  updated: now,
  events: 0,
})

function advance(boot: Boot, { event, issued, mac, seen }: Happening, now: EpochMs): Boot {
  const reached = stageOf(event)
  const problem = problemOf(event)
  return {
    ...boot,
    updated: now,
    events: boot.events + 1,
    mac: event.kind === 'script.sent' ? mac : boot.mac,
    stage: reached === undefined ? boot.stage : later(boot.stage, reached),
    outcome: outcomeAfter(boot, event),
    ...(issued === undefined ? {} : { issued }),
    ...(seen === undefined ? {} : { seen: sawAlso(boot.seen, seen) }),
    ...(problem === undefined ? {} : { problem }),
    ...(event.kind === 'csr.approved' && !event.renewal ? { nodeKey: event.key } : {}),
    ...(event.kind === 'node.ready' ? { kernelBoot: event.kernelBoot } : {}),
  }
}

/**
 * Phone home says that the name is right. cloud-init phones home once per instance: on a disk that was
 * kept, the end of its last stage is all that it says.
 */
function outcomeAfter(boot: Boot, event: BootEvent): Boot['outcome'] {
  if (event.kind === 'phone-home') return event.matches ? 'up' : 'misnamed'
  const isUp = isLastWord(event) || event.kind === 'node.ready'
  return boot.outcome === 'running' && isUp ? 'up' : boot.outcome
}

/** A machine asks for an address every few seconds: the same trouble is told once. */
const isRepeated = (event: BootEvent, boot: Boot): boolean =>
  (event.kind === 'dhcp.no-answer' ||
    event.kind === 'dhcp.nak' ||
    event.kind === 'boot-file.missing' ||
    event.kind === 'script.refused' ||
    event.kind === 'relay-port.moved' ||
    event.kind === 'token.withheld' ||
    event.kind === 'token.waiting' ||
    event.kind === 'csr.left-alone' ||
    event.kind === 'csr.denied') &&
  problemOf(event) === boot.problem

const later = (a: Boot['stage'], b: Boot['stage']): Boot['stage'] =>
  stages.indexOf(a) >= stages.indexOf(b) ? a : b
