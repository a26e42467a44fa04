import type { BootEvent, ClientKind } from '../../core/boot-event.ts'
import { relayPortText } from '../../core/seen.ts'
import { formatIpv4 } from '../../values/ipv4.ts'

const clients: Record<ClientKind, string> = {
  pxe: 'the firmware',
  'uefi-http': 'the firmware (HTTP boot)',
  ipxe: 'iPXE',
  system: 'the system',
}

/** A timeline event in one line for people. */
export function eventText(event: BootEvent): string {
  switch (event.kind) {
    case 'dhcp.offer':
      return `offered ${formatIpv4(event.address)} to ${clients[event.client]}${via(event)}`
    case 'dhcp.ack':
      return `gave ${formatIpv4(event.address)} to ${clients[event.client]}${via(event)}`
    case 'dhcp.nak':
      return `refused ${clients[event.client]}'s address: ${event.reason}`
    case 'dhcp.no-answer':
      return `did not answer ${clients[event.client]}: ${event.reason}`
    case 'dhcp.release':
      return `gave ${formatIpv4(event.address)} back`
    case 'dhcp.decline':
      return `found ${formatIpv4(event.address)} in use by another machine`
    case 'boot-file.sent':
      return `${event.file} sent over ${event.via.toUpperCase()}, ${transfer(event)}${resent(event.retransmits)}`
    case 'boot-file.missing':
      return `no boot file for architecture ${event.arch}: ${event.reason}`
    case 'boot-file.failed':
      return `${event.file} not sent over ${event.via.toUpperCase()}: ${event.reason}`
    case 'script.sent':
      return `boot script sent: it is ${event.hostname}, with image ${event.image}`
    case 'script.refused':
      return `boot script refused: ${event.reason}`
    case 'image.sent':
      return `${event.part} sent, ${transfer(event)}`
    case 'image.failed':
      return `${event.part} broken off after ${size(event.bytes)}: ${event.reason}`
    case 'seed.sent':
      return `${event.document} sent`
    case 'seed.refused':
      return `${event.document} refused: ${event.reason}`
    case 'cloud-init':
      return `cloud-init ${event.phase === 'start' ? 'begins' : 'ends'} ${event.name}${result(event)}`
    case 'phone-home':
      return event.matches
        ? `phoned home as ${event.hostname}`
        : `phoned home as '${event.hostname}', which is not its name`
    case 'seed.elsewhere':
      return `${event.document} sent without secrets: ${event.reason}`
    case 'relay-port.moved':
      return `is plugged in elsewhere: ${relayPortText(event.to)}, before ${relayPortText(event.from)}`
    case 'token.stored':
      return `bootstrap token ${event.token} is kept ready for it`
    case 'token.sent':
      return `bootstrap token ${event.token} sent`
    case 'token.lost':
      return `bootstrap token ${event.token} lost: ${event.reason}`
    case 'token.refused':
      return `bootstrap token refused: ${event.reason}`
    case 'token.withheld':
      return `bootstrap token withheld: ${event.reason}`
    case 'token.waiting':
      return `waits for its bootstrap token: ${event.reason}`
    case 'token.minted':
      return `bootstrap token ${event.token} is in the cluster`
    case 'csr.approved':
      return `certificate request ${event.request} approved${event.renewal ? ' (a renewal)' : ''}`
    case 'csr.left-alone':
      return `certificate request ${event.request} left alone: ${event.reason}`
    case 'csr.denied':
      return `certificate request ${event.request} denied: ${event.reason}`
    case 'node.registered':
      return 'registered its node'
    case 'node.ready':
      return 'its node is Ready'
    case 'node.not-ready-in-time':
      return `its node was not Ready within ${event.seconds} s of its boot script`
  }
}

/** What an event says besides its kind, with addresses as people write them. */
export function eventDetails(event: BootEvent): Record<string, string | number | boolean> {
  const details: Record<string, string | number | boolean> = {}
  for (const [key, value] of Object.entries(event)) {
    if (key === 'kind' || value === undefined) continue
    details[key] =
      key === 'address' || key === 'relay'
        ? formatIpv4(value)
        : key === 'from' || key === 'to'
          ? relayPortText(value)
          : value
  }
  return details
}

const via = (event: Extract<BootEvent, { kind: 'dhcp.offer' | 'dhcp.ack' }>): string =>
  event.relay === undefined ? '' : `, through relay ${formatIpv4(event.relay)}`

const resent = (count: number | undefined): string =>
  count === undefined || count === 0 ? '' : `, ${count} sent again`

const result = (event: Extract<BootEvent, { kind: 'cloud-init' }>): string =>
  event.result === undefined ? '' : `: ${event.result}`

const transfer = ({ bytes, ms }: { readonly bytes: number; readonly ms: number }): string =>
  `${size(bytes)} in ${(ms / 1000).toFixed(1)} s`

const size = (bytes: number): string =>
  bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
