import type { BootEvent } from '../core/boot.ts'
import type { Metrics } from './metrics.ts'
import type { Recorder } from './recorder.ts'
import type { TftpEvent } from './tftp-event.ts'

/** Puts what the TFTP server saw on the timeline of the machine that has the client's address. */
export function tftpListener(recorder: Recorder, metrics: Metrics): (event: TftpEvent) => void {
  return (event) => {
    if (event.kind === 'started') return
    metrics.tftpTransfers.inc({ outcome: event.kind })
    if (event.kind !== 'refused') metrics.tftpBytes.inc(event.bytes)
    const told = bootEventOf(event)
    const speaker = told && recorder.speaker(event.peer.address)
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
      return undefined
  }
}
