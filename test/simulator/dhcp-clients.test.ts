import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { clientPacket } from '../../src/simulator/dhcp.ts'
import { type DhcpClient, dhcpClients, type Nic } from '../../src/simulator/dhcp-clients.ts'
import { macFromBytes } from '../../src/values/mac.ts'
import { decodeDhcp, type DhcpMessage } from '../../src/wire/dhcp.ts'
import { option } from '../../src/wire/dhcp-options.ts'
import { captures } from '../golden/captures.ts'
import { mac } from '../support/inventory.ts'
import { hex } from '../wire/dhcp-messages.ts'

/** The packets of a capture that this client sent. */
function packetsOf({ capture, ...client }: DhcpClient): readonly Uint8Array[] {
  const found = captures.find(({ name }) => name === capture)
  if (found === undefined) throw new Error(`there is no capture ${capture}`)
  const nic = nicOf(decodeDhcp(found.dhcp[0]!.payload))
  const codes = (type: 'discover' | 'request', entries: readonly (readonly [number, unknown])[]) =>
    `${type} ${entries.map(([code]) => code).join()}`
  const own = new Set([
    codes('discover', client.discover(nic)),
    codes('request', client.request(nic, { server: nic0, address: nic0 })),
  ])
  return found.dhcp.flatMap(({ payload }) => {
    const message = decodeDhcp(payload)
    const type = option.messageType.read(message.options)
    const [, ...rest] = message.options
    const isOwn = message.op === 'request' && own.has(codes(type as 'discover', rest))
    return isOwn ? [payload] : []
  })
}

const nic0 = 0 as DhcpMessage['yiaddr']

const nicOf = ({ chaddr, options }: DhcpMessage): Nic => ({
  mac: macFromBytes(chaddr),
  uuid: option.clientUuid.read(options) ?? ('00000000-0000-0000-0000-000000000001' as Nic['uuid']),
  duid: option.clientIdentifier.read(options) ?? new Uint8Array(),
})

const captured = Object.entries(dhcpClients).filter(([name]) => name !== 'udhcpc')

describe('packets are those of the capture, octet for octet', () => {
  test.each(captured)('%s', (_name, client) => {
    const packets = packetsOf(client)
    const types = new Set<unknown>()
    let sent = 0
    for (const payload of packets) {
      const message = decodeDhcp(payload)
      const server = option.serverIdentifier.read(message.options)
      const address = option.requestedAddress.read(message.options)
      const type = option.messageType.read(message.options)
      types.add(type)
      // What a real client counts is a matter of its timing, so the count is taken from the packet.
      sent = client.secs(4, true) === 18 ? message.secs >> 2 : sent + 1
      const chosen = server && address ? { server, address } : undefined
      const ours = clientPacket(client, nicOf(message), { xid: message.xid, packet: sent, chosen })
      const theirs = payload.slice()
      // A repeated DISCOVER of iPXE already says that there was an offer (bit 1 of secs).
      if (chosen === undefined) theirs[9] = ours[9]!
      expect(hex(ours)).toBe(hex(theirs))
    }
    expect(types).toEqual(new Set(['discover', 'request']))
  })
})

test('udhcpc, of whose capture only the text is here', () => {
  const lines = readFileSync(
    join(import.meta.dirname, '../golden/captures/options-sent-by-client.txt'),
    'utf8',
  )
  const nic: Nic = {
    mac: mac('52:54:00:00:7a:09'),
    uuid: '00000000-0000-0000-0000-000000000001' as Nic['uuid'],
    duid: new Uint8Array(),
  }
  const chosen = { server: 0xc0000201, address: 0xc0000267 } as Parameters<DhcpClient['request']>[1]
  for (const each of [undefined, chosen]) {
    const packet = clientPacket(dhcpClients.udhcpc, nic, { xid: 1, packet: 1, chosen: each })
    const message = decodeDhcp(packet)
    const options = Array.from(message.options)
      .slice(1)
      .map(([code, value]) => {
        if (code === 55) return `55=${value.join(',')}`
        if (code === 57) return '57=576'
        return `${code}=${code === 60 ? `'${Buffer.from(value).toString('latin1')}'` : hex(value)}`
      })
    const type = each === undefined ? 'DISCOVER' : 'REQUEST'
    const line = ` ${type} len=${packet.length} flags=0000 secs=0 ci=0.0.0.0 gi=0.0.0.0:  ${options.join(' ')}`
    expect(lines).toContain(line)
  }
})
