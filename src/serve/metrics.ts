import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** What is counted, for Prometheus. Labels have few values: never a MAC, a name or an address. */
export interface Metrics {
  readonly registry: Registry
  readonly dhcpReceived: Counter
  readonly dhcpSent: Counter<'type'>
  readonly dhcpSilent: Counter<'reason'>
  readonly dhcpFailed: Counter<'reason'>
  readonly tftpTransfers: Counter<'outcome'>
  readonly tftpBytes: Counter
  readonly tokensReleased: Counter<'outcome'>
  readonly tokensRefused: Counter<'reason'>
  readonly tftpDropped: Counter<'reason'>
  readonly commitSeconds: Histogram
}

export function makeMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'rollcall_' })
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter({
      name: `rollcall_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
    })
  return {
    registry,
    dhcpReceived: counter('dhcp_received_total', 'DHCP packets received', []),
    dhcpSent: counter('dhcp_sent_total', 'DHCP replies sent, by message type', ['type']),
    dhcpSilent: counter('dhcp_silent_total', 'DHCP messages left without a reply, by reason', [
      'reason',
    ]),
    dhcpFailed: counter('dhcp_failed_total', 'DHCP packets that could not be served, by reason', [
      'reason',
    ]),
    tftpTransfers: counter('tftp_transfers_total', 'TFTP transfers that ended, by outcome', [
      'outcome',
    ]),
    tftpBytes: counter('tftp_sent_bytes_total', 'Octets of files sent over TFTP', []),
    tokensReleased: counter(
      'bootstrap_tokens_released_total',
      'Bootstrap tokens handed out, by outcome: sent whole, or lost on the way',
      ['outcome'],
    ),
    tokensRefused: counter(
      'bootstrap_tokens_refused_total',
      'User-data that went out without its bootstrap token, by reason',
      ['reason'],
    ),
    tftpDropped: counter('tftp_dropped_total', 'TFTP packets that led to nothing, by reason', [
      'reason',
    ]),
    commitSeconds: new Histogram({
      name: 'rollcall_dhcp_decision_seconds',
      help: 'From a DHCP message received to its change on the disk',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers: [registry],
    }),
  }
}
