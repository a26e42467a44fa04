import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { formatIpv4, type Ipv4 } from '../../src/values/ipv4.ts'
import { seconds } from '../../src/values/time.ts'
import { decodeDhcp, type DhcpMessage, encodeDhcp } from '../../src/wire/dhcp.ts'
import { option, optionsOf } from '../../src/wire/dhcp-options.ts'
import { ip, message } from './dhcp-messages.ts'

/** npm `dhcp`, written by others from the same RFCs: its parser and its formatter. */
interface PeerMessage {
  readonly op: number
  readonly htype: number
  readonly hlen: number
  readonly hops: number
  readonly xid: number
  readonly secs: number
  readonly flags: number
  readonly ciaddr: string
  readonly yiaddr: string
  readonly siaddr: string
  readonly giaddr: string
  /** Upper case with hyphens; its formatter takes both cases. */
  readonly chaddr: string
  readonly sname: string
  readonly file: string
  readonly magicCookie?: number
  readonly options: Readonly<Record<number, unknown>>
}

const peer = createRequire(import.meta.url)('dhcp/lib/protocol.js') as {
  parse(packet: Buffer): PeerMessage
  format(message: PeerMessage): { readonly _data: Buffer; readonly _w: number }
}

const ours: DhcpMessage = message({
  op: 'reply',
  hops: 1,
  yiaddr: ip(192, 0, 2, 200),
  siaddr: ip(192, 0, 2, 1),
  giaddr: ip(198, 51, 100, 1),
  sname: 'boot.example',
  file: 'snponly.efi',
  options: optionsOf(
    option.subnetMask.write(ip(255, 255, 255, 0)),
    option.router.write([ip(192, 0, 2, 1), ip(192, 0, 2, 2)]),
    option.domainNameServers.write([ip(192, 0, 2, 53)]),
    option.hostName.write('node-7'),
    option.domainName.write('rack.example'),
    option.interfaceMtu.write(9000),
    option.broadcastAddress.write(ip(192, 0, 2, 255)),
    option.ntpServers.write([ip(192, 0, 2, 123)]),
    option.vendorSpecific.write(Uint8Array.of(6, 1, 8, 255)),
    option.requestedAddress.write(ip(192, 0, 2, 200)),
    option.leaseTime.write(seconds(0xfffffffe)),
    option.messageType.write('ack'),
    option.serverIdentifier.write(ip(192, 0, 2, 1)),
    option.parameterRequestList.write([1, 3, 6]),
    option.message.write('hello'),
    option.maxMessageSize.write(1472),
    option.renewalTime.write(seconds(300)),
    option.rebindingTime.write(seconds(525)),
    option.vendorClass.write('HTTPClient'),
    option.tftpServerName.write('192.0.2.1'),
    option.bootFileName.write('http://192.0.2.1:8080/boot/files/ipxe.efi'),
    option.subnetSelection.write(ip(198, 51, 100, 0)),
  ),
})

const theirs: PeerMessage = {
  op: 2,
  htype: 1,
  hlen: 6,
  hops: 1,
  xid: 0xfedcba98,
  secs: 4,
  flags: 0x8000,
  ciaddr: '0.0.0.0',
  yiaddr: '192.0.2.200',
  siaddr: '192.0.2.1',
  giaddr: '198.51.100.1',
  chaddr: '52-54-00-00-02-01',
  sname: 'boot.example',
  file: 'snponly.efi',
  options: {
    1: '255.255.255.0',
    3: ['192.0.2.1', '192.0.2.2'],
    6: ['192.0.2.53'],
    12: 'node-7',
    15: 'rack.example',
    26: 9000,
    28: '192.0.2.255',
    42: ['192.0.2.123'],
    43: [6, 1, 8, 255],
    50: '192.0.2.200',
    51: 0xfffffffe,
    53: 5,
    54: '192.0.2.1',
    55: [1, 3, 6],
    56: 'hello',
    57: 1472,
    58: 300,
    59: 525,
    60: 'HTTPClient',
    66: '192.0.2.1',
    67: 'http://192.0.2.1:8080/boot/files/ipxe.efi',
    118: '198.51.100.0',
  },
}

describe('npm `dhcp` as an independent peer', () => {
  test('reads what we write', () => {
    expect(peer.parse(Buffer.from(encodeDhcp(ours)))).toEqual({
      ...theirs,
      magicCookie: 0x63825363,
    })
  })

  test('writes what we read', () => {
    const { _data, _w } = peer.format(theirs)
    expect(decodeDhcp(_data.subarray(0, _w))).toEqual(ours)
  })

  test('every option that both know by meaning is compared', () => {
    expect(Object.keys(theirs.options).map(Number)).toEqual([...ours.options.keys()])
    expect(formatIpv4(option.serverIdentifier.read(ours.options) ?? (0 as Ipv4))).toBe(
      theirs.options[54],
    )
  })
})
