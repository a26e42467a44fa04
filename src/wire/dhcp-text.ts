import { formatIpv4, formatNetwork, type Ipv4 } from '../values/ipv4.ts'
import { type Seconds } from '../values/time.ts'
import { type OptionCodec } from './dhcp-codec.ts'
import { DhcpDecodeError } from './dhcp-error.ts'
import { optionName } from './dhcp-names.ts'
import { type ClasslessRoute, type DhcpOptions, option, type SubOptions } from './dhcp-options.ts'
import { type DhcpMessage, type DhcpMessageType } from './dhcp.ts'

/** A message for people: one line a field and one line an option, in the order of the wire. */
export function describeDhcp(message: DhcpMessage): string {
  const fields: readonly (readonly [string, string])[] = [
    ['op', message.op],
    ['htype', String(message.htype)],
    ['hops', String(message.hops)],
    ['xid', `0x${message.xid.toString(16).padStart(8, '0')}`],
    ['secs', String(message.secs)],
    ['flags', flagsText(message)],
    ['ciaddr', formatIpv4(message.ciaddr)],
    ['yiaddr', formatIpv4(message.yiaddr)],
    ['siaddr', formatIpv4(message.siaddr)],
    ['giaddr', formatIpv4(message.giaddr)],
    ['chaddr', pairs(message.chaddr, ':')],
    ['sname', quoted(message.sname)],
    ['file', quoted(message.file)],
  ]
  return [
    ...fields.map(([name, value]) => `${name.padEnd(7)} ${value}`),
    ...Array.from(message.options.keys(), (code) => optionLine(code, message.options)),
  ].join('\n')
}

/** What one option says: decoded where we know how, else in hex; a malformed one says why. */
function describeOption(code: number, options: DhcpOptions): string {
  const bytes = options.get(code) ?? new Uint8Array()
  try {
    return readers.get(code)?.(options) ?? hex(bytes)
  } catch (error) {
    if (error instanceof DhcpDecodeError) return `malformed, ${error.message}: ${hex(bytes)}`
    throw error
  }
}

const optionLine = (code: number, options: DhcpOptions): string =>
  `${String(code).padStart(3)} ${optionName(code).padEnd(33)} ${describeOption(code, options)}`

const flagsText = ({ broadcast, flags }: DhcpMessage): string =>
  (broadcast ? 'broadcast' : 'unicast') + (flags === 0 ? '' : ` + 0x${flags.toString(16)}`)

const pairs = (bytes: Uint8Array, separator: string): string =>
  Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(separator)

const hex = (bytes: Uint8Array): string => (bytes.length === 0 ? '(empty)' : pairs(bytes, ''))

/** Nothing that a terminal would obey gets out: only printable ASCII is shown as it is. */
const quoted = (value: string): string =>
  `'${value.replaceAll(
    /[^ -~]|['\\]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )}'`

const list = (values: readonly (string | number)[]): string => values.join(', ')
const addressList = (values: readonly Ipv4[]): string => list(values.map(formatIpv4))
const secondsText = (value: Seconds): string => (value === 0xffffffff ? 'for ever' : `${value} s`)

/** RFC 2132 9.6, RFC 3203, RFC 4388, RFC 6926, RFC 7724. */
const laterMessageTypes: Readonly<Record<number, string>> = {
  9: 'forcerenew',
  10: 'leasequery',
  11: 'leaseunassigned',
  12: 'leaseunknown',
  13: 'leaseactive',
  14: 'bulkleasequery',
  15: 'leasequerydone',
  16: 'activeleasequery',
  17: 'leasequerystatus',
  18: 'tls',
}

const messageTypeText = (type: DhcpMessageType): string =>
  typeof type === 'number' ? `${laterMessageTypes[type] ?? 'unknown'} (${type})` : type

/** IANA, "Processor Architecture Types" (RFC 4578 2.1). Firmware means x64 by 9 as much as by 7. */
const architectures: Readonly<Record<number, string>> = {
  0: 'x86 BIOS',
  6: 'x86 UEFI',
  7: 'x64 UEFI',
  9: 'x64 UEFI',
  10: 'arm32 UEFI',
  11: 'arm64 UEFI',
  15: 'x86 UEFI HTTP',
  16: 'x64 UEFI HTTP',
  18: 'arm32 UEFI HTTP',
  19: 'arm64 UEFI HTTP',
  20: 'x86 BIOS HTTP',
  25: 'riscv32 UEFI',
  26: 'riscv32 UEFI HTTP',
  27: 'riscv64 UEFI',
  28: 'riscv64 UEFI HTTP',
}

const architectureText = (type: number): string =>
  architectures[type] === undefined ? String(type) : `${type} (${architectures[type]})`

const routeText = ({ destination, router }: ClasslessRoute): string =>
  `${formatNetwork(destination)} via ${formatIpv4(router)}`

const subOptionsText = (subOptions: SubOptions): string =>
  list(Array.from(subOptions, ([code, value]) => `${code}=${pairs(value, '')}`))

const relaySubOptions: Readonly<Record<number, string>> = {
  1: 'circuit id',
  2: 'remote id',
  5: 'link selection',
  11: 'server identifier override',
}

/** Circuit and remote ids are mostly names or MACs: text where it is text. */
const relayText = (subOptions: SubOptions): string =>
  list(
    Array.from(subOptions, ([code, value]) => {
      const isText = value.length > 0 && value.every((octet) => octet >= 0x20 && octet < 0x7f)
      const shown = isText ? quoted(Buffer.from(value).toString('latin1')) : hex(value)
      return `${code}${relaySubOptions[code] ? ` (${relaySubOptions[code]})` : ''}=${shown}`
    }),
  )

type Describe = (options: DhcpOptions) => string | undefined

function shown<T>(
  codec: OptionCodec<T>,
  format: (value: T) => string,
): readonly [number, Describe] {
  return [
    codec.code,
    (options) => {
      const value = codec.read(options)
      return value === undefined ? undefined : format(value)
    },
  ]
}

const readers: ReadonlyMap<number, Describe> = new Map([
  shown(option.subnetMask, formatIpv4),
  shown(option.router, addressList),
  shown(option.domainNameServers, addressList),
  shown(option.hostName, quoted),
  shown(option.domainName, quoted),
  shown(option.interfaceMtu, String),
  shown(option.broadcastAddress, formatIpv4),
  shown(option.ntpServers, addressList),
  shown(option.requestedAddress, formatIpv4),
  shown(option.leaseTime, secondsText),
  shown(option.overload, String),
  shown(option.messageType, messageTypeText),
  shown(option.serverIdentifier, formatIpv4),
  shown(option.parameterRequestList, list),
  shown(option.message, quoted),
  shown(option.maxMessageSize, String),
  shown(option.renewalTime, secondsText),
  shown(option.rebindingTime, secondsText),
  shown(option.vendorClass, quoted),
  shown(option.tftpServerName, quoted),
  shown(option.bootFileName, quoted),
  shown(option.userClass, (classes) => list(classes.map(quoted))),
  shown(option.relayAgent, ({ subOptions }) => relayText(subOptions)),
  shown(option.clientArchitecture, (types) => list(types.map(architectureText))),
  shown(option.clientNdi, ({ type, major, minor }) =>
    type === 1 ? `UNDI ${major}.${minor}` : `type ${type}, ${major}.${minor}`,
  ),
  shown(option.clientUuid, String),
  shown(option.subnetSelection, formatIpv4),
  shown(option.classlessRoutes, (routes) => list(routes.map(routeText))),
  shown(option.ipxe, subOptionsText),
])
