import type { Ipv4 } from '../values/ipv4.ts'
import { type Mac, macToBytes } from '../values/mac.ts'
import type { SmbiosUuid } from '../values/uuid.ts'
import { option, type OptionEntry, optionsOf, rawUserClass } from '../wire/dhcp-options.ts'

/** The port that speaks, and the board behind it. */
export interface Nic {
  readonly mac: Mac
  readonly uuid: SmbiosUuid
  /** What systemd-networkd sends as its client identifier: 255, IAID and DUID (RFC 4361 6.1). */
  readonly duid: Uint8Array
}

/** What a REQUEST takes up of an OFFER. */
export interface Chosen {
  readonly server: Ipv4
  readonly address: Ipv4
}

/** One DHCP client as it is on the wire: which options, in which order, how long it waits. */
export interface DhcpClient {
  /** Whose packets these are, under test/golden/captures. */
  readonly capture: string
  readonly broadcast: boolean
  /** What it writes into `secs`, which is not always seconds. */
  readonly secs: (packet: number, offered: boolean) => number
  /** Octets of UDP payload that it pads to. */
  readonly minSize: number
  readonly discover: (nic: Nic) => readonly OptionEntry[]
  readonly request: (nic: Nic, chosen: Chosen) => readonly OptionEntry[]
  /** Seconds until it repeats an unanswered packet; after the last it gives up. */
  readonly waits: readonly number[]
}

const maxMessageSize = (octets: number): OptionEntry => option.maxMessageSize.write(octets)
const parameters = (codes: readonly number[]): OptionEntry =>
  option.parameterRequestList.write(codes)
const architecture = (arch: number): OptionEntry => option.clientArchitecture.write([arch])
const vendorClass = (text: string): OptionEntry => option.vendorClass.write(text)
const undi = (major: number, minor: number): OptionEntry =>
  option.clientNdi.write({ type: 1, major, minor })
const boardUuid = ({ uuid }: Nic): OptionEntry => option.clientUuid.write(uuid)
const macAsClientId = ({ mac }: Nic): OptionEntry =>
  option.clientIdentifier.write(Uint8Array.of(1, ...macToBytes(mac)))
const serverChosen = ({ server }: Chosen): OptionEntry => option.serverIdentifier.write(server)
const addressChosen = ({ address }: Chosen): OptionEntry => option.requestedAddress.write(address)

/** EDK2: option 94 says UNDI 3.0, and a REQUEST takes 65280 octets though an Ethernet frame does not. */
const edk2 = (
  capture: string,
  arch: number,
  of: { readonly name: string; readonly codes: readonly number[]; readonly requestSize: number },
): DhcpClient => {
  const rest = (nic: Nic): readonly OptionEntry[] => [
    parameters(of.codes),
    boardUuid(nic),
    undi(3, 0),
    architecture(arch),
    vendorClass(`${of.name}:Arch:${String(arch).padStart(5, '0')}:UNDI:003000`),
  ]
  return {
    capture,
    broadcast: true,
    secs: () => 0,
    minSize: 300,
    discover: (nic) => [maxMessageSize(1472), ...rest(nic)],
    request: (nic, chosen) => [
      serverChosen(chosen),
      addressChosen(chosen),
      maxMessageSize(of.requestSize),
      ...rest(nic),
    ],
    waits: [4, 8, 16],
  }
}

const edk2Codes = [1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40, 41, 42, 43] as const
const edk2LeaseCodes = [50, 51, 54, 58, 59, 60] as const
const edk2Pxe = {
  name: 'PXEClient',
  codes: [...edk2Codes, ...edk2LeaseCodes, 66, 67, 97, 128, 129, 130, 131, 132, 133, 134, 135],
  requestSize: 65280,
}
/** The code before 67 is an octet that EDK2 never set: 235 in this capture, 0 in another. */
const edk2Http = {
  name: 'HTTPClient',
  codes: [...edk2Codes, ...edk2LeaseCodes, 235, 67, 97],
  requestSize: 1472,
}

const pxeCodes = [128, 129, 130, 131, 132, 133, 134, 135] as const

/** dhcp_tx in iPXE's net/udp/dhcp.c: the count of packets, and whether there was an offer. */
const ipxeSecs = (packet: number, offered: boolean): number => (packet << 2) | (offered ? 2 : 0)

const ipxe = (
  capture: string,
  of: {
    readonly arch: number
    readonly undi: readonly [major: number, minor: number]
    /** Option 175: its version and what it was built with. */
    readonly features: string
    readonly broadcast: boolean
  },
): DhcpClient => {
  const [major, minor] = of.undi
  const digits = `${major}`.padStart(3, '0') + `${minor}`.padStart(3, '0')
  const common = (nic: Nic): readonly OptionEntry[] => [
    maxMessageSize(1472),
    architecture(of.arch),
    undi(major, minor),
    vendorClass(`PXEClient:Arch:${String(of.arch).padStart(5, '0')}:UNDI:${digits}`),
    rawUserClass('iPXE'),
    parameters([1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, ...pxeCodes, 175, 203]),
    [option.ipxe.code, Buffer.from(of.features, 'hex')],
    macAsClientId(nic),
    boardUuid(nic),
  ]
  return {
    capture,
    broadcast: of.broadcast,
    secs: ipxeSecs,
    minSize: 0,
    discover: common,
    request: (nic, chosen) => [...common(nic), serverChosen(chosen), addressChosen(chosen)],
    waits: [1, 2, 4, 8], // config/dhcp.h: from 1 s, doubled, to 10 s
  }
}

const ipxeBios =
  'b105011af41000eb03010000170101220101130101110101270101190101290101100102210101150101180101120101'
const ipxeUefi = 'b105011af41000eb03010000170101240101130101110101270101290101150101120101'
const ipxeUefiHttp =
  'b105011af41000eb030100001701012401011301011101012701012901011501011b0101120101'

/** A BIOS's own PXE ROM; no free one exists, so the capture is of iPXE with 77 and 175 left out. */
const biosPxe = (): DhcpClient => {
  const common = (nic: Nic): readonly OptionEntry[] => [
    maxMessageSize(1472),
    architecture(0),
    undi(2, 1),
    vendorClass('PXEClient:Arch:00000:UNDI:002001'),
    parameters([1, 3, 6, 7, 12, 15, 17, 26, 42, 43, 60, 66, 67, 119, 121, ...pxeCodes, 97]),
    macAsClientId(nic),
    boardUuid(nic),
  ]
  return {
    capture: 'bios-pxe-tftp-undionly-http',
    broadcast: false,
    secs: ipxeSecs,
    minSize: 0,
    discover: common,
    request: (nic, chosen) => [...common(nic), serverChosen(chosen), addressChosen(chosen)],
    waits: [4, 8, 16], // PXE 2.1, 2.2.3: 4, 8, 16, 32 s
  }
}

const networkdCodes = [1, 3, 6, 12, 15, 33, 42, 120, 121] as const

const networkd = (): DhcpClient => {
  const common = ({ duid }: Nic): readonly OptionEntry[] => [
    option.clientIdentifier.write(duid),
    parameters(networkdCodes),
    maxMessageSize(1472),
  ]
  return {
    capture: 'full-boot-debian12',
    broadcast: false,
    secs: () => 1, // sd-dhcp-client.c: at least 1, as some servers ignore 0
    minSize: 0,
    discover: common,
    request: (nic, chosen) => [...common(nic), serverChosen(chosen), addressChosen(chosen)],
    waits: [2, 4, 8, 16],
  }
}

const udhcpc = (): DhcpClient => {
  const common = (nic: Nic): readonly OptionEntry[] => [
    maxMessageSize(576),
    parameters([1, 3, 6, 12, 15, 28, 42]),
    vendorClass('udhcp 1.35.0'),
    macAsClientId(nic),
  ]
  return {
    capture: 'bios-ipxe-full-chain-to-userland', // in options-sent-by-client.txt only
    broadcast: false,
    secs: () => 0,
    minSize: 300,
    discover: common,
    request: (nic, chosen) => [addressChosen(chosen), serverChosen(chosen), ...common(nic)],
    waits: [3, 3, 3], // its -t 3 -T 3
  }
}

/** Every client that a simulated machine can be on its way up. */
export const dhcpClients = {
  ovmfPxe: edk2('uefi-pxe-tftp-snponly-http', 7, edk2Pxe),
  ovmfHttp: edk2('uefi-http-ipxe-http', 16, edk2Http),
  aavmfPxe: edk2('arm64-uefi-pxe-tftp-ipxe-http', 11, edk2Pxe),
  biosPxe: biosPxe(),
  /** iPXE in a network card's ROM, as QEMU's cards have it. */
  ipxeRom: ipxe('bios-ipxe-rom-http', {
    arch: 0,
    undi: [2, 1],
    features: ipxeBios,
    broadcast: false,
  }),
  /** undionly.kpxe cannot take unicast before it has an address. */
  ipxeUndionly: ipxe('bios-pxe-tftp-undionly-http', {
    arch: 0,
    undi: [2, 1],
    features: ipxeBios,
    broadcast: true,
  }),
  ipxeSnponly: ipxe('uefi-pxe-tftp-snponly-http', {
    arch: 7,
    undi: [3, 10],
    features: ipxeUefi,
    broadcast: false,
  }),
  /** ipxe.efi, which has drivers of its own. */
  ipxeEfi: ipxe('uefi-http-ipxe-http', {
    arch: 7,
    undi: [3, 10],
    features: ipxeUefiHttp,
    broadcast: false,
  }),
  networkd: networkd(),
  udhcpc: udhcpc(),
} satisfies Record<string, DhcpClient>

/** All options of a packet, the message type first, as every one of these clients has it. */
export const optionsOfClient = (
  client: DhcpClient,
  nic: Nic,
  chosen: Chosen | undefined,
): ReturnType<typeof optionsOf> =>
  chosen === undefined
    ? optionsOf(option.messageType.write('discover'), ...client.discover(nic))
    : optionsOf(option.messageType.write('request'), ...client.request(nic, chosen))
