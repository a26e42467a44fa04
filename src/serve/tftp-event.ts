import type { TransferReport } from '../core/tftp-transfer.ts'
import type { Ipv4 } from '../values/ipv4.ts'

export interface TftpPeer {
  readonly address: Ipv4
  readonly port: number
}

/** What a transfer did; `bytes` were acknowledged by the client, `ms` run from its request. */
type Toll = Pick<TransferReport, 'bytes' | 'retransmits' | 'ms'>

/** What happens on the TFTP server, for the boot timeline, the log and the metrics. */
export type TftpEvent = { readonly peer: TftpPeer; readonly file: string } & (
  | {
      readonly kind: 'started'
      /** Octets of the file. */
      readonly size: number
      readonly blockSize: number
      readonly windowSize: number
    }
  | ({ readonly kind: 'completed' } & Toll)
  /** `declined` is a client that only asked for the file's size (OVMF does, each time): no failure. */
  | ({ readonly kind: 'declined' | 'aborted' | 'timed-out'; readonly reason: string } & Toll)
  /** Answered with an ERROR; `code` as in RFC 1350. */
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string }
)

export function endEvent(
  peer: TftpPeer,
  file: string,
  { end, bytes, retransmits, ms }: TransferReport,
): TftpEvent {
  return { ...end, peer, file, bytes, retransmits, ms }
}
