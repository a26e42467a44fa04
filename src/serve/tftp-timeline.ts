import type { BootEvent } from '../core/boot-event.ts'
import type { Metrics } from './metrics.ts'
import type { Recorder } from './recorder.ts'
import type { TftpEvent } from './tftp-event.ts'

type Speaker = NonNullable<ReturnType<Recorder['speaker']>>

/**
 * Puts what one TFTP server saw on the timeline of the machine that has the client's address. Whose
 * boot a transfer belongs to is settled when it starts: after a power cut it times out amid the next.
 */
export function tftpListener(
  recorder: Pick<Recorder, 'speaker' | 'note'>,
  metrics: Pick<Metrics, 'tftpTransfers' | 'tftpBytes'>,
): (event: TftpEvent) => void {
  /** Of the transfers under way, by their numbers. */
  const speakers = new Map<number, Speaker>()

  const speakerOf = (event: TftpEvent): Speaker | undefined => {
    if (event.kind === 'refused') return recorder.speaker(event.peer.address)
    const speaker = speakers.get(event.transfer)
    speakers.delete(event.transfer)
    return speaker
  }

  return (event) => {
    if (event.kind === 'started') {
      const speaker = recorder.speaker(event.peer.address)
      if (speaker) speakers.set(event.transfer, speaker)
      return
    }
    metrics.tftpTransfers.inc({ outcome: event.kind })
    if (event.kind !== 'refused') metrics.tftpBytes.inc(event.bytes)
    const speaker = speakerOf(event)
    const told = bootEventOf(event)
    if (told && speaker) recorder.note({ ...speaker, event: told })
  }
}

function bootEventOf(event: Exclude<TftpEvent, { kind: 'started' }>): BootEvent | undefined {
  const { file } = event
  switch (event.kind) {
    case 'completed': {
      const { bytes, ms, retransmits } = event
      return { kind: 'boot-file.sent', via: 'tftp', file, bytes, ms, retransmits }
    }
    case 'aborted':
    case 'timed-out':
    case 'refused':
      return { kind: 'boot-file.failed', via: 'tftp', file, reason: event.reason }
    case 'declined':
    case 'evicted': // Likely nobody asked: the address was forged, and a flood must not fill the disk.
      return undefined
  }
}
