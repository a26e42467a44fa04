import { unspecified, type Ipv4 } from '../values/ipv4.ts'
import { macFromBytes, type Mac } from '../values/mac.ts'
import type { SmbiosUuid } from '../values/uuid.ts'
import { option, readLeniently } from '../wire/dhcp-options.ts'
import type { DhcpMessage } from '../wire/dhcp.ts'
import type { ClientKind } from './boot-event.ts'

/** Who sent a DHCP message, as far as its options tell. */
export interface DhcpClient {
  readonly mac: Mac
  readonly kind: ClientKind
  /** Option 93; absent for everything that is not firmware or iPXE. */
  readonly arch?: number
  readonly uuid?: SmbiosUuid
  /** The relay that the message came through. */
  readonly relay?: Ipv4
  /** The relay's port that it is plugged into (option 82, RFC 3046 3.1), in hex. */
  readonly circuit?: string
}

/** @returns undefined when there is no Ethernet address in it that a machine could have */
export function dhcpClient(message: DhcpMessage): DhcpClient | undefined {
  const mac = ethernetAddress(message)
  if (mac === undefined) return undefined
  const arch = readLeniently(option.clientArchitecture, message.options)?.[0]
  const uuid = readLeniently(option.clientUuid, message.options)
  const circuitId = relayAgent(message)?.circuitId
  return {
    mac,
    kind: clientKind(message),
    ...(arch === undefined ? {} : { arch }),
    ...(uuid === undefined ? {} : { uuid }),
    ...(message.giaddr === unspecified ? {} : { relay: message.giaddr }),
    ...(circuitId === undefined ? {} : { circuit: Buffer.from(circuitId).toString('hex') }),
  }
}

function ethernetAddress({ htype, chaddr }: DhcpMessage): Mac | undefined {
  const isEthernet = htype === 1 && chaddr.length === 6
  const isUnicast = ((chaddr[0] ?? 1) & 1) === 0
  return isEthernet && isUnicast && chaddr.some((octet) => octet !== 0)
    ? macFromBytes(chaddr)
    : undefined
}

/** iPXE's feature numbers within option 175 (ipxe.org, "DHCP options"). */
const ipxeHttp = 0x13
const ipxeKernelFormats = [0x18 /* bzImage */, 0x24 /* EFI */]

function clientKind({ options }: DhcpMessage): ClientKind {
  const vendorClass = readLeniently(option.vendorClass, options) ?? ''
  // iPXE calls itself PXEClient too, so it must be recognised first, or it is sent to fetch itself.
  if (readLeniently(option.userClass, options)?.includes('iPXE')) return 'ipxe'
  const features = readLeniently(option.ipxe, options)
  if (features?.has(ipxeHttp) && ipxeKernelFormats.some((code) => features.has(code))) return 'ipxe'
  if (vendorClass.startsWith('HTTPClient')) return 'uefi-http'
  if (vendorClass.startsWith('PXEClient')) return 'pxe'
  return 'system'
}

/** What a relay says counts only if there is one: a client could write option 82 itself. */
export const relayAgent = (request: DhcpMessage) =>
  request.giaddr === unspecified ? undefined : option.relayAgent.read(request.options)
