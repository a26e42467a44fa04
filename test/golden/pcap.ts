import { type Ipv4, ipv4FromBytes } from '../../src/values/ipv4.ts'
import { Reader } from '../../src/wire/reader.ts'

export interface Datagram {
  /** Seconds since the capture's first frame. */
  readonly time: number
  readonly from: Ipv4
  readonly fromPort: number
  readonly to: Ipv4
  readonly toPort: number
  readonly payload: Uint8Array
}

const ethernet = 1
const linuxCooked = 113
const ipv4 = 0x0800
const udp = 17

/**
 * The UDP datagrams of a classic pcap file (microseconds or nanoseconds, either byte order) on
 * Ethernet or Linux cooked sockets. Fragments and other protocols are left out.
 * @throws Error if the file is not such a file, or a frame was cut short when captured
 */
export function udpDatagrams(file: Uint8Array): readonly Datagram[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const magic = view.getUint32(0, true)
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d
  const u32 = (offset: number): number => view.getUint32(offset, little)
  const perSecond = { 0xa1b2c3d4: 1e6, 0xa1b23c4d: 1e9 }[u32(0)]
  if (perSecond === undefined) throw new Error(`not a classic pcap file: magic ${magic.toString(16)}`)
  const link = u32(20)

  const datagrams: Datagram[] = []
  let start: number | undefined
  for (let at = 24; at < file.length; ) {
    const captured = u32(at + 8)
    if (captured !== u32(at + 12)) throw new Error(`the frame at ${at} was cut short`)
    const time = u32(at) + u32(at + 4) / perSecond
    start ??= time
    const datagram = udpOf(file.subarray(at + 16, at + 16 + captured), link)
    if (datagram) datagrams.push({ time: time - start, ...datagram })
    at += 16 + captured
  }
  return datagrams
}

function udpOf(frame: Uint8Array, link: number): Omit<Datagram, 'time'> | undefined {
  const reader = new Reader(
    frame,
    (offset, field, problem) => new Error(`${field} at ${offset} of a frame: ${problem}`),
  )
  if (link !== ethernet && link !== linuxCooked) throw new Error(`link type ${link} is not known`)
  reader.take(link === ethernet ? 12 : 14, 'link header')
  if (reader.u16('ethertype') !== ipv4) return undefined

  const headerSize = (reader.u8('version and header length') & 15) * 4
  reader.u8('service')
  reader.u16('total length')
  reader.u16('identification')
  const fragment = reader.u16('fragment') & 0x3fff
  reader.u8('time to live')
  const protocol = reader.u8('protocol')
  reader.u16('header checksum')
  const from = ipv4FromBytes(reader.take(4, 'source'))
  const to = ipv4FromBytes(reader.take(4, 'destination'))
  reader.take(headerSize - 20, 'IP options')
  if (protocol !== udp || fragment !== 0) return undefined

  const fromPort = reader.u16('source port')
  const toPort = reader.u16('destination port')
  const length = reader.u16('UDP length')
  reader.u16('UDP checksum')
  return { from, fromPort, to, toPort, payload: reader.take(length - 8, 'payload') }
}
