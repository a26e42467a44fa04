import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatIpv4 } from '../../src/values/ipv4.ts'
import { decodeDhcp, encodeDhcp } from '../../src/wire/dhcp.ts'
import { option } from '../../src/wire/dhcp-options.ts'
import { describeDhcp } from '../../src/wire/dhcp-text.ts'
import { type Capture, captures, dhcpPackets } from '../golden/captures.ts'
import { type Datagram } from '../golden/pcap.ts'
import { hex } from './dhcp-messages.ts'

const golden = join(import.meta.dirname, '../golden/dhcp')
const update = process.env['UPDATE_GOLDENS'] === '1'

const end = (address: Datagram['from'], port: number): string => `${formatIpv4(address)}:${port}`

function readable({ dhcp }: Capture): string {
  return dhcp
    .map(({ time, from, fromPort, to, toPort, payload }, index) =>
      [
        `# ${index + 1}, ${time.toFixed(3)} s, ${end(from, fromPort)} to ${end(to, toPort)}, ${payload.length} octets`,
        `${describeDhcp(decodeDhcp(payload))}\n`,
      ].join('\n'),
    )
    .join('\n')
}

describe('every capture', () => {
  test.each(captures)('$name reads as its text in golden/dhcp says', (capture) => {
    const path = join(golden, `${capture.name}.txt`)
    const text = readable(capture)
    if (update) writeFileSync(path, text)
    expect(existsSync(path), `${path} is missing: run with UPDATE_GOLDENS=1`).toBe(true)
    expect(text, 'if the change is wanted, run with UPDATE_GOLDENS=1').toBe(
      readFileSync(path, 'utf8'),
    )
  })

  test('has a golden, and every golden a capture', () => {
    expect(readdirSync(golden).toSorted()).toEqual(captures.map(({ name }) => `${name}.txt`))
    expect(dhcpPackets.length).toBe(164)
  })
})

test.each(dhcpPackets)(
  '$name is the same message after encoding, and its options the same octets',
  ({ bytes }) => {
    const decoded = decodeDhcp(bytes)
    const again = encodeDhcp(decoded, { minSize: bytes.length, maxSize: 1472 })
    expect(decodeDhcp(again)).toEqual(decoded)
    const before = hex(bytes.subarray(240)).replace(/(00)*$/, '')
    expect(hex(again.subarray(240)).replace(/(00)*$/, '')).toBe(before)
  },
)

/**
 * options-sent-by-client.txt was written by another program from the same packets (and from others);
 * its lines look like ` DISCOVER len=347 flags=8000 secs=0 ci=0.0.0.0 gi=0.0.0.0:  57=1472 55=1,2 …`.
 */
describe('what another program read in the same packets', () => {
  const sections = readFileSync(
    join(import.meta.dirname, '../golden/captures/options-sent-by-client.txt'),
    'utf8',
  )
    .split(/^## /m)
    .slice(1)
    .map((section) => section.trimEnd().split('\n'))
  const shared = captures.flatMap((capture) => {
    const lines = sections.find(([title]) => title === `${capture.name}.pcap`)?.slice(1)
    return lines === undefined ? [] : [{ name: capture.name, capture, lines }]
  })

  test('is there for most captures', () => {
    expect(shared.length).toBe(11)
  })

  test.each(shared)('$name', ({ capture, lines }) => {
    const sent = new Set(capture.dhcp.map(asTheOtherProgram))
    for (const line of lines) expect(sent).toContain(line)
  })
})

function asTheOtherProgram({ payload, toPort }: Datagram): string {
  const message = decodeDhcp(payload)
  const type = String(option.messageType.read(message.options)).toUpperCase()
  const flags = hex(payload.subarray(10, 12))
  const options = Array.from(message.options)
    .filter(([code]) => code !== option.messageType.code)
    .map(([code, value]) => {
      if (code === 55) return `55=${option.parameterRequestList.read(message.options)?.join(',')}`
      if (code === 57) return `57=${option.maxMessageSize.read(message.options)}`
      if (code === 60 || code === 77) return `${code}='${Buffer.from(value).toString('latin1')}'`
      return `${code}=${hex(value)}`
    })
  return (
    ` ${type}${toPort === 4011 ? '/4011' : ''} len=${payload.length} flags=${flags} secs=${message.secs}` +
    ` ci=${formatIpv4(message.ciaddr)} gi=${formatIpv4(message.giaddr)}:  ${options.join(' ')}`
  )
}
