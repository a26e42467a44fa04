import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientPacket } from '../../src/simulator/dhcp.ts'
import { dhcpClients } from '../../src/simulator/dhcp-clients.ts'
import { openRelay, type Relay } from '../../src/simulator/relay.ts'
import { macFromBytes } from '../../src/values/mac.ts'
import { must } from '../../src/values/parse.ts'
import { parseSmbiosUuid } from '../../src/values/uuid.ts'
import { decodeDhcp, type DhcpMessage, encodeDhcp } from '../../src/wire/dhcp.ts'
import { option } from '../../src/wire/dhcp-options.ts'
import { ip, macNumber } from '../support/inventory.ts'

const giaddr = '127.78.99.1'
let server: Socket
let relay: Relay

beforeAll(async () => {
  server = createSocket('udp4').bind({ address: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  relay = await openRelay(giaddr, server.address())
})

afterAll(() => {
  relay.close()
  server.close()
})

const discover = (number: number): Uint8Array => {
  const uuid = must(parseSmbiosUuid('4c4c4544-0042-3510-8056-b4c04f4e3133'))
  const nic = { mac: macNumber(number), uuid, duid: new Uint8Array() }
  return clientPacket(dhcpClients.ovmfPxe, nic, { xid: number, packet: 1 })
}

async function received(): Promise<DhcpMessage> {
  const [bytes] = (await once(server, 'message')) as [Uint8Array]
  return decodeDhcp(bytes)
}

const answer = (request: DhcpMessage): void => {
  server.send(encodeDhcp({ ...request, op: 'reply' }), server.address().port, giaddr)
}

test('every packet gets giaddr, a hop, and the port that it came from', async () => {
  const ports = new Set<string>()
  for (const number of [1, 2]) {
    const cable = await relay.plugIn()
    const arrival = received()
    cable.send(discover(number))
    const request = await arrival
    expect(request).toMatchObject({ giaddr: ip(giaddr), hops: 1, xid: number })
    expect([...request.options.keys()].at(-1)).toBe(option.relayAgent.code)
    const agent = option.relayAgent.read(request.options)
    ports.add(Buffer.from(agent!.circuitId!).toString())
    cable.close()
  }
  expect(ports.size).toBe(2)
})

test('an answer goes out of the port that option 82 names, without the option', async () => {
  const heard: string[] = []
  const cables = await Promise.all([relay.plugIn(), relay.plugIn()])
  const answers = cables.map((cable, index) => {
    const { promise, resolve } = Promise.withResolvers<DhcpMessage>()
    cable.onPacket((packet) => {
      heard.push(`${index} ${macFromBytes(decodeDhcp(packet).chaddr)}`)
      resolve(decodeDhcp(packet))
    })
    return promise
  })
  for (const [index, cable] of [...cables.entries()].reverse()) {
    const arrival = received()
    cable.send(discover(index))
    answer(await arrival)
  }
  const [first, second] = await Promise.all(answers)
  expect(heard.sort()).toEqual([`0 ${macNumber(0)}`, `1 ${macNumber(1)}`])
  for (const reply of [first, second]) {
    expect(option.relayAgent.read(reply!.options)).toBeUndefined()
  }
  for (const cable of cables) cable.close()
})

test('rubbish, echoes without option 82 and requests from the server side go nowhere', async () => {
  const cable = await relay.plugIn()
  const heard: Uint8Array[] = []
  cable.onPacket((packet) => heard.push(packet))
  const arrival = received()
  cable.send(discover(3))
  const request = await arrival
  const { port } = server.address()
  const bare = { ...request, op: 'reply' as const, options: new Map() }
  const wrong = [Uint8Array.of(1), encodeDhcp(bare), encodeDhcp(request)]
  for (const bytes of wrong) server.send(bytes, port, giaddr)
  const done = new Promise<void>((resolve) =>
    cable.onPacket((packet) => resolve(void heard.push(packet))),
  )
  answer(request)
  await done
  expect(heard.length).toBe(1)
  cable.close()
})
