import type { TransferReport } from '../core/tftp-transfer.ts'
import type { Ipv4 } from '../values/ipv4.ts'

export interface TftpPeer {
  readonly address: Ipv4
  readonly port: number
}

/** Packets that led to nothing, counted by their reason. */
export interface TftpDrops {
  /** Requests for which there was no room. */
  busy: number
  /** Packets to the listening port that are no request, or that no answer could reach. */
  malformed: number
  /** Requests repeated while their transfer ran. */
  repeated: number
  /** Packets to a transfer from somebody else. */
  strangers: number
  /** Packets of ours that this host would not send. */
  unsent: number
}

export type TftpDropReason = keyof TftpDrops

/** What a transfer did; `bytes` were acknowledged by the client, `ms` run from its request. */
type Toll = Pick<TransferReport, 'bytes' | 'retransmits' | 'ms'>

/** Which transfer: a number that its server gives to no other. */
interface Ours {
  readonly transfer: number
}

/** What happens on the TFTP server, for the boot timeline, the log and the metrics. */
export type TftpEvent = { readonly peer: TftpPeer; readonly file: string } & (
  | ({
      readonly kind: 'started'
      /** Octets of the file. */
      readonly size: number
      readonly blockSize: number
      readonly windowSize: number
    } & Ours)
  | ({ readonly kind: 'completed' } & Ours & Toll)
  /**
   * `declined` is a client that only asked for the file's size (OVMF does, each time): no failure.
   * `evicted` is one that was never heard of again before its place was needed.
   */
  | ({
      readonly kind: 'declined' | 'evicted' | 'aborted' | 'timed-out'
      readonly reason: string
    } & Ours &
      Toll)
  /** Answered with an ERROR; `code` as in RFC 1350. */
  | { readonly kind: 'refused'; readonly code: number; readonly reason: string }
)

export function endEvent(
  of: Pick<TftpEvent, 'peer' | 'file'> & Ours,
  { end, bytes, retransmits, ms }: TransferReport,
): TftpEvent {
  return { ...end, ...of, bytes, retransmits, ms }
}
