import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatIpv4 } from '../../src/values/ipv4.ts'
import { decodeDhcp, type DhcpMessage } from '../../src/wire/dhcp.ts'
import { option } from '../../src/wire/dhcp-options.ts'
import { captures, type Capture } from '../golden/captures.ts'
import type { Datagram } from '../golden/pcap.ts'
import type { Namespace } from '../net/lab.ts'
import { nodeBinary } from '../net/lab-rollcall.ts'
import { packageFile, tool } from '../net/lab-tools.ts'
import {
  bridge,
  inOrder,
  makeSegment,
  onlyTimeline,
  serverAddress,
  story,
  type Segment,
} from './segment.ts'

// A BIOS's own PXE ROM: no free one exists, so its packets are played as they were captured, with the
// addresses that the capture has, over real sockets against the server.

let segment: Segment
beforeAll(async () => {
  segment = await makeSegment('tiny')
}, 600_000)
afterAll(() => segment?.lab.close())

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')
const typeOf = ({ options }: DhcpMessage): unknown => option.messageType.read(options)
const bootFileOf = ({ file, options }: DhcpMessage): string =>
  file === '' ? (option.bootFileName.read(options) ?? '') : file

function captureNamed(name: string): Capture {
  const found = captures.find((capture) => capture.name === name)
  if (found === undefined) throw new Error(`test/golden/captures has no ${name}.pcap`)
  return found
}

/** What the client said: its DHCP packets before and from iPXE on, and its TFTP transfer. */
function saidIn({ datagrams }: Capture) {
  const dhcp = datagrams.filter(({ fromPort }) => fromPort === 68).map(({ payload }) => payload)
  const fromIpxe = dhcp.filter((packet) => option.ipxe.code in decodedOptions(packet))
  const request = datagrams.find(({ toPort }) => toPort === 69) as Datagram
  const transfer = datagrams.filter(({ fromPort }) => fromPort === request.fromPort)
  return {
    rom: dhcp.filter((packet) => !fromIpxe.includes(packet)),
    ipxe: fromIpxe,
    address: formatIpv4(request.from),
    port: request.fromPort,
    tftp: transfer.map(({ payload }) => payload),
  }
}

const decodedOptions = (packet: Uint8Array): Record<number, unknown> =>
  Object.fromEntries(decodeDhcp(packet).options)

async function plugIn(name: string, mac: string): Promise<Namespace> {
  const ns = await segment.lab.namespace(name)
  await segment.lab.veth(
    { ns, device: 'eth0', mac },
    { ns: segment.ns, device: `to-${name}`, bridge },
  )
  // A client without an address: it may broadcast, and nothing else.
  await ns.ip('route add 255.255.255.255 dev eth0')
  return ns
}

async function replay(ns: Namespace, words: readonly string[]): Promise<readonly string[]> {
  const program = fileURLToPath(import.meta.resolve('./replay.ts'))
  const { stdout } = await ns.exec([nodeBinary, program, ...words])
  return stdout.trim().split('\n')
}

async function sayDhcp(ns: Namespace, packets: readonly string[]): Promise<readonly DhcpMessage[]> {
  const lines = await replay(ns, ['dhcp', ...packets])
  return lines.map((line) => decodeDhcp(Buffer.from(line.replace('reply ', ''), 'hex')))
}

test('a BIOS PXE ROM: DHCP, undionly.kpxe by TFTP, then iPXE with the script of this machine', async () => {
  const { rollcall } = segment
  const client = saidIn(captureNamed('bios-pxe-tftp-undionly-http'))
  expect(client.rom).toHaveLength(3)
  expect(client.ipxe).toHaveLength(3)
  const mac = '52:54:00:00:01:11'
  await rollcall.api('PUT', '/api/v1/machines/rack4-pxe', { macs: [mac], address: client.address })
  const ns = await plugIn('pxe', mac)

  const replies = await sayDhcp(ns, client.rom.map(hex))
  expect(replies.map(typeOf)).toEqual(['offer', 'offer', 'ack'])
  for (const reply of replies) {
    expect(formatIpv4(reply.yiaddr)).toBe(client.address)
    expect(formatIpv4(reply.siaddr)).toBe(serverAddress)
    expect(bootFileOf(reply)).toBe('undionly.kpxe')
  }

  await ns.ip(`address add ${client.address}/24 dev eth0`)
  const transfer = await replay(ns, [
    ...['tftp', client.address, String(client.port), serverAddress],
    ...client.tftp.map(hex),
  ])
  const kpxe = readFileSync(packageFile('/usr/lib/ipxe/undionly.kpxe', 'ipxe'))
  const oack = Buffer.from((transfer[0] ?? '').replace('oack ', ''), 'hex').toString('latin1')
  expect(oack.slice(2).split('\0')).toEqual(['blksize', '1432', 'tsize', String(kpxe.length), ''])
  const sha256 = createHash('sha256').update(kpxe).digest('hex')
  expect(transfer[1]).toBe(`file ${kpxe.length} ${sha256}`)

  // iPXE takes the card over and knows nothing of the address.
  await ns.ip('address flush dev eth0')
  await ns.ip('route replace 255.255.255.255 dev eth0')
  const again = await sayDhcp(ns, client.ipxe.map(hex))
  expect(again.map(typeOf)).toEqual(['offer', 'offer', 'ack'])
  const url = bootFileOf(again[2] as DhcpMessage)
  expect(url).toBe(`http://${serverAddress}:8080/boot/52-54-00-00-01-11.ipxe?arch=i386`)

  await ns.ip(`address add ${client.address}/24 dev eth0`)
  const { stdout: script } = await ns.exec([tool('curl'), '--silent', '--fail', url])
  expect(script).toMatch(/^#!ipxe\n/)
  expect(script).toContain('set machine rack4-pxe\n')

  const boot = await onlyTimeline(rollcall, 'rack4-pxe')
  expect(boot).toMatchObject({ stage: 'script', outcome: 'running' })
  expect(story(boot)).toMatch(
    inOrder(
      `dhcp.ack: gave ${client.address} to the firmware`,
      'boot-file.sent: undionly.kpxe sent over TFTP',
      `dhcp.ack: gave ${client.address} to iPXE`,
      'script.sent: boot script sent: it is rack4-pxe, with image tiny',
    ),
  )
})

test("a BIOS PXE ROM that took another server's offer is left alone", async () => {
  const { rollcall } = segment
  const client = saidIn(captureNamed('proxydhcp-bios-pxe'))
  const mac = '52:54:00:00:0b:15'
  await rollcall.api('PUT', '/api/v1/machines/rack4-other', { macs: [mac] })
  const ns = await plugIn('other', mac)

  const [discover, request] = client.rom.map(hex) as [string, string]
  // The REQUEST names 192.0.2.2. Were it answered, the ACK would come before the second OFFER.
  const replies = await sayDhcp(ns, [discover, `quiet:${request}`, discover])
  expect(replies.map(typeOf)).toEqual(['offer', 'offer'])
  const { body } = await rollcall.api('GET', '/api/v1/leases')
  const lease = body.leases.find((each: { mac: string }) => each.mac === mac)
  expect(lease).toMatchObject({ state: 'offered' })
})
