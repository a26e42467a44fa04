import type { Hostname } from '../values/hostname.ts'
import type { ImageName } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Seconds } from '../values/time.ts'
import type { BootstrapTokenId } from './boot-token.ts'
import type { ImagePart } from './image.ts'
import { relayPortText, type RelayPort } from './seen.ts'

/** How far a machine has come, in the order in which a boot goes. A boot's stage never goes back. */
export const stages = [
  'firmware', // its firmware asks for an address
  'boot-file', // iPXE is being fetched, by TFTP or UEFI HTTP boot
  'ipxe', // iPXE asks for an address
  'script', // the boot script was handed out: the image and the name are decided
  'kernel',
  'initrd',
  'system', // the image's own kernel asks for an address
  'seed', // cloud-init reads its documents
  'cloud-init', // cloud-init reports what it does
  'up', // phoned home, or cloud-init has ended
  'joined', // the cluster has a Node of its name
  'ready', // and that Node is Ready: the boot is closed
] as const
export type Stage = (typeof stages)[number]

/** Who speaks DHCP: the same NIC is three clients on its way up. */
export type ClientKind = 'pxe' | 'uefi-http' | 'ipxe' | 'system'

/** What happens in a boot. `kind` is also the word that people see. */
export type BootEvent =
  | {
      readonly kind: 'dhcp.offer'
      readonly client: ClientKind
      readonly address: Ipv4
      readonly arch?: number
      readonly relay?: Ipv4
    }
  | {
      readonly kind: 'dhcp.ack'
      readonly client: ClientKind
      readonly address: Ipv4
      readonly arch?: number
      readonly relay?: Ipv4
    }
  | { readonly kind: 'dhcp.nak'; readonly client: ClientKind; readonly reason: string }
  | { readonly kind: 'dhcp.no-answer'; readonly client: ClientKind; readonly reason: string }
  | { readonly kind: 'dhcp.release'; readonly address: Ipv4 }
  | { readonly kind: 'dhcp.decline'; readonly address: Ipv4 }
  | {
      readonly kind: 'boot-file.sent'
      readonly via: 'tftp' | 'http'
      readonly file: string
      readonly bytes: number
      readonly ms: number
      readonly retransmits?: number
    }
  | { readonly kind: 'boot-file.missing'; readonly arch: number; readonly reason: string }
  | {
      readonly kind: 'boot-file.failed'
      readonly via: 'tftp' | 'http'
      readonly file: string
      readonly reason: string
    }
  | { readonly kind: 'script.sent'; readonly image: ImageName; readonly hostname: Hostname }
  | { readonly kind: 'script.refused'; readonly reason: string }
  | {
      readonly kind: 'image.sent'
      readonly part: ImagePart
      readonly bytes: number
      readonly ms: number
    }
  | {
      readonly kind: 'image.failed'
      readonly part: ImagePart
      readonly bytes: number
      readonly reason: string
    }
  | { readonly kind: 'seed.sent'; readonly document: SeedDocument }
  | { readonly kind: 'seed.refused'; readonly document: SeedDocument; readonly reason: string }
  /** The right seed from an address that the machine does not hold: no secret goes there. */
  | { readonly kind: 'seed.elsewhere'; readonly document: SeedDocument; readonly reason: string }
  | {
      readonly kind: 'cloud-init'
      readonly name: string
      readonly phase: 'start' | 'finish'
      readonly result?: string
      readonly description?: string
    }
  | {
      readonly kind: 'phone-home'
      readonly hostname: string
      readonly instanceId?: string
      readonly matches: boolean
    }
  | { readonly kind: 'relay-port.moved'; readonly from: RelayPort; readonly to: RelayPort }
  | { readonly kind: 'token.stored'; readonly token: BootstrapTokenId }
  | { readonly kind: 'token.sent'; readonly token: BootstrapTokenId }
  | { readonly kind: 'token.lost'; readonly token: BootstrapTokenId; readonly reason: string }
  | { readonly kind: 'token.refused'; readonly reason: string }
  | { readonly kind: 'token.withheld'; readonly reason: string }
  | { readonly kind: 'token.waiting'; readonly reason: string }
  | { readonly kind: 'token.minted'; readonly token: BootstrapTokenId }
  | {
      readonly kind: 'csr.approved'
      readonly request: string
      /** SHA-256 of its public key. */
      readonly key: string
      readonly renewal: boolean
    }
  | { readonly kind: 'csr.left-alone'; readonly request: string; readonly reason: string }
  | { readonly kind: 'csr.denied'; readonly request: string; readonly reason: string }
  | { readonly kind: 'node.registered' }
  | { readonly kind: 'node.ready'; readonly kernelBoot: string }
  | { readonly kind: 'node.not-ready-in-time'; readonly seconds: Seconds }

export const seedDocuments = ['network-config', 'meta-data', 'user-data', 'vendor-data'] as const
export type SeedDocument = (typeof seedDocuments)[number]

/** The end of cloud-init's last stage: whatever it was to do is done, or has failed. */
export const isLastWord = (event: BootEvent): boolean =>
  event.kind === 'cloud-init' && event.name === 'modules-final' && event.phase === 'finish'

/** The stage that an event shows to be reached; undefined when it says nothing of progress. */
export function stageOf(event: BootEvent): Stage | undefined {
  switch (event.kind) {
    case 'dhcp.offer':
    case 'dhcp.ack':
      return event.client === 'ipxe' ? 'ipxe' : event.client === 'system' ? 'system' : 'firmware'
    case 'boot-file.sent':
    case 'boot-file.failed':
      return 'boot-file'
    case 'script.sent':
      return 'script'
    case 'image.sent':
    case 'image.failed':
      return event.part
    case 'seed.sent':
      return 'seed'
    case 'cloud-init':
      return isLastWord(event) ? 'up' : 'cloud-init'
    case 'phone-home':
      return 'up'
    case 'node.registered':
      return 'joined'
    case 'node.ready':
      return 'ready'
    case 'dhcp.nak':
    case 'dhcp.no-answer':
    case 'dhcp.release':
    case 'dhcp.decline':
    case 'boot-file.missing':
    case 'script.refused':
    case 'seed.refused':
    case 'seed.elsewhere':
    case 'relay-port.moved':
    case 'token.stored':
    case 'token.sent':
    case 'token.lost':
    case 'token.refused':
    case 'token.withheld':
    case 'token.waiting':
    case 'token.minted':
    case 'csr.approved':
    case 'csr.left-alone':
    case 'csr.denied':
    case 'node.not-ready-in-time':
      return undefined
  }
}

/** What an event says went wrong, in the words that `rollcall boot` shows. */
export function problemOf(event: BootEvent): string | undefined {
  switch (event.kind) {
    case 'dhcp.nak':
      return `DHCP refused its address: ${event.reason}`
    case 'dhcp.no-answer':
      return `DHCP did not answer: ${event.reason}`
    case 'dhcp.decline':
      return 'it found its address in use by another machine'
    case 'boot-file.missing':
      return event.reason
    case 'boot-file.failed':
      return `${event.file} over ${event.via.toUpperCase()}: ${event.reason}`
    case 'script.refused':
      return `no boot script: ${event.reason}`
    case 'image.failed':
      return `${event.part}: ${event.reason}`
    case 'seed.refused':
      return `${event.document} refused: ${event.reason}`
    case 'cloud-init':
      return event.result === 'FAIL' ? `cloud-init failed in ${event.name}` : undefined
    case 'phone-home':
      return event.matches ? undefined : `it phoned home as '${event.hostname}'`
    case 'seed.elsewhere':
      return `${event.document} without secrets: ${event.reason}`
    case 'relay-port.moved':
      return `it is plugged in elsewhere: ${relayPortText(event.to)}, before ${relayPortText(event.from)}`
    case 'token.lost':
      return `its bootstrap token ${event.token} was lost: ${event.reason}`
    case 'token.refused':
      return `no bootstrap token: ${event.reason}`
    case 'token.withheld':
      return `its bootstrap token was withheld: ${event.reason}`
    case 'token.waiting':
      return `no bootstrap token yet: ${event.reason}`
    case 'csr.left-alone':
      return `certificate request ${event.request} left alone: ${event.reason}`
    case 'csr.denied':
      return `certificate request ${event.request} denied: ${event.reason}`
    case 'node.not-ready-in-time':
      return `its node was not Ready within ${event.seconds} s of its boot script`
    case 'dhcp.offer':
    case 'dhcp.ack':
    case 'dhcp.release':
    case 'boot-file.sent':
    case 'script.sent':
    case 'image.sent':
    case 'seed.sent':
    case 'token.stored':
    case 'token.sent':
    case 'token.minted':
    case 'csr.approved':
    case 'node.registered':
    case 'node.ready':
      return undefined
  }
}
