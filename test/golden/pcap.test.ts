import { describe, expect, test } from 'vitest'
import { udpDatagrams } from './pcap.ts'

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))

const u32 = (value: number, little: boolean): string => {
  const octets = Buffer.alloc(4)
  if (little) octets.writeUInt32LE(value)
  else octets.writeUInt32BE(value)
  return octets.toString('hex')
}

interface Options {
  readonly magic?: number
  readonly little?: boolean
  readonly link?: number
  readonly cut?: number
}

function pcap(
  frames: readonly string[],
  { magic = 0xa1b2c3d4, little = true, link = 1, cut = 0 }: Options = {},
): Uint8Array {
  const number = (value: number): string => u32(value, little)
  const header = number(magic) + '00000000'.repeat(4) + number(link)
  const records = frames.map((frame, index) => {
    const length = bytes(frame).length
    return number(100 + index) + number(500) + number(length) + number(length + cut) + frame
  })
  return bytes(header + records.join(''))
}

const udp = '0044 0043 000a 0000 aabb'
const ip = (flags = '0000', protocol = '11', version = '45', optionsIn = ''): string =>
  `${version} 00 0022 0000 ${flags} 40 ${protocol} 0000 c0000201 c0000202 ${optionsIn}`
const ethernet = '525400000201 525400000202 0800'
const datagram = { from: 0xc0000201, to: 0xc0000202, fromPort: 68, toPort: 67, payload: bytes('aabb') }

describe('udpDatagrams', () => {
  test.each<readonly [string, Uint8Array]>([
    ['Ethernet, with octets of padding behind', pcap([`${ethernet}${ip()}${udp} 0000`])],
    ['IP options', pcap([`${ethernet}${ip('0000', '11', '46', '01010101')}${udp}`])],
    ['big-endian nanoseconds', pcap([`${ethernet}${ip()}${udp}`], { magic: 0xa1b23c4d, little: false })],
    ['Linux cooked', pcap([`0000 0001 0006 525400000201 0000 0800 ${ip()}${udp}`], { link: 113 })],
  ])('reads %s', (_what, file) => {
    expect(udpDatagrams(file)).toEqual([{ time: 0, ...datagram }])
  })

  test('counts time from the first frame', () => {
    const frame = `${ethernet}${ip()}${udp}`
    expect(udpDatagrams(pcap([frame, frame])).map(({ time }) => time)).toEqual([0, 1])
  })

  test('leaves out fragments, TCP and ARP', () => {
    const others = [`${ethernet}${ip('2000')}${udp}`, `${ethernet}${ip('0000', '06')}${udp}`, `${'00'.repeat(12)}0806`]
    expect(udpDatagrams(pcap(others))).toEqual([])
  })

  test.each<readonly [string, Uint8Array]>([
    ['not a classic pcap file', bytes('0a0d0d0a'.repeat(8))],
    ['cut short', pcap([`${ethernet}${ip()}${udp}`], { cut: 1 })],
    ['payload at 42', pcap([`${ethernet}${ip()}${udp.replace('000a', '000b')}`])],
    ['link type 9', pcap([`${ethernet}${ip()}${udp}`], { link: 9 })],
  ])('refuses: %s', (problem, file) => {
    expect(() => udpDatagrams(file)).toThrow(problem)
  })
})
