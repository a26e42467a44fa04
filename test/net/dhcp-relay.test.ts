import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatIpv4, parseIpv4, unspecified } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { option } from '../../src/wire/dhcp-options.ts'
import { type DhcpClient, dhcpClients } from './dhcp-client.ts'
import { addBridge, createLab, type Lab, type Namespace } from './lab.ts'
import { startRollcall, type Rollcall } from './lab-rollcall.ts'
import { tool } from './lab-tools.ts'
import { leaseOf } from './leases.ts'
import { sniffDhcp, type Sniffer } from './sniffer.ts'

/**
 * The same clients on a segment that the server has no leg in: 198.51.100.0/24 behind ISC's dhcrelay,
 * which adds option 82. What went over the server's wire is read back from a capture.
 */
let lab: Lab
let relay: Namespace
let rollcall: Rollcall
let sniffer: Sniffer

const relayAddress = must(parseIpv4('198.51.100.1'))
const relayAgent = option.relayAgent.code
const serverAddress = must(parseIpv4('192.0.2.1'))

beforeAll(async () => {
  lab = await createLab()
  const server = await lab.namespace('server')
  relay = await lab.namespace('relay')
  await lab.veth({ ns: server, device: 'eth0' }, { ns: relay, device: 'up0' })
  await server.ip('address add 192.0.2.1/24 dev eth0')
  await server.ip('route add 198.51.100.0/24 via 192.0.2.2')
  await relay.ip('address add 192.0.2.2/24 dev up0')
  await addBridge(relay, 'rack0', '198.51.100.1/24')
  await relay.exec(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])

  rollcall = await startRollcall(lab, server, { interfaces: ['eth0'] })
  await rollcall.api('PUT', '/api/v1/subnets/far', {
    network: '198.51.100.0/24',
    pools: ['198.51.100.100-198.51.100.109'],
    router: '198.51.100.1',
    dns: ['192.0.2.53'],
    leaseTime: 30, // see dhcp-clients.test.ts
    unregistered: 'serve',
  })
  sniffer = await sniffDhcp(lab, server, 'eth0')
  const dhcrelay = relay.start('dhcrelay', [
    ...[tool('dhcrelay'), '-4', '-d', '-a', '-id', 'rack0', '-iu', 'up0', '192.0.2.1'],
  ])
  await dhcrelay.waitFor(/Sending on +Socket\/fallback/, 20)
})

afterAll(() => lab.close())

test('clients behind a relay take, renew and release leases; option 82 goes back to the relay', async () => {
  const nics = await Promise.all(
    dhcpClients.map((client, index) => takesAndRenews(client, index + 1)),
  )
  const wire = await sniffer.stop()

  for (const { name, mac, address } of nics) {
    const talk = wire.filter(({ message }) => macOf(message.chaddr) === mac)

    // dhcrelay also picks up what is unicast past it and relays it once more, so there is more than a
    // DISCOVER and a REQUEST; each message through it is answered through it.
    const relayed = talk.filter(({ message }) => message.giaddr === relayAddress)
    const answers = relayed.filter(({ message }) => message.op === 'reply')
    expect(new Set(kinds(answers)), `to ${name}`).toEqual(new Set(['offer', 'ack']))
    for (const { message, from, to, toPort } of answers) {
      const { xid, options } = message
      const asked = relayed.find(
        (each) => each.message.op === 'request' && each.message.xid === xid,
      )
      expect(option.relayAgent.read(options)?.circuitId, 'option 82.1').toBeDefined()
      expect(options.get(relayAgent)).toEqual(asked?.message.options.get(relayAgent))
      expect([...options.keys()].at(-1), 'RFC 3046 2.2: where relays look for it').toBe(relayAgent)
      expect(from, 'from the server').toBe(serverAddress)
      expect([to, toPort], 'to giaddr:67').toEqual([relayAddress, 67])
    }

    // The client knows the server by now: it asks past the relay, and is answered past it.
    const direct = talk.filter(({ message }) => message.giaddr === unspecified)
    expect(kinds(direct), `of ${name}`).toEqual(['request', 'ack', 'release'])
    const [renewal, granted] = direct
    expect([renewal?.from, renewal?.to]).toEqual([address, serverAddress])
    expect([granted?.from, granted?.to, granted?.toPort]).toEqual([serverAddress, address, 68])
    expect(granted?.message.options.has(relayAgent)).toBe(false)
  }
})

async function takesAndRenews(client: DhcpClient, number: number) {
  const ns = await lab.namespace(client.name)
  const mac = `52:54:00:00:01:0${number}`
  const port = { ns: relay, device: `port${number}`, bridge: 'rack0' }
  await lab.veth({ ns, device: 'eth0', mac }, port)
  const address = `198.51.100.${50 + number}`
  const hostname = `far-${number}`
  await rollcall.api('PUT', `/api/v1/machines/${hostname}`, { macs: [mac], address })

  const working = client.start(lab, ns)
  expect(await working.bound()).toMatchObject({
    address,
    hostname,
    router: formatIpv4(relayAddress),
    server: formatIpv4(serverAddress),
  })
  const before = await leaseOf(rollcall, mac)
  expect(before).toMatchObject({ address, machine: hostname, subnet: 'far', state: 'bound' })

  expect(await working.renewed()).toMatchObject({ address })
  expect(working.process.text()).toMatch(client.asksItsServer('192.0.2.1', address))
  const after = await leaseOf(rollcall, mac)
  expect(Date.parse(after!.expires)).toBeGreaterThan(Date.parse(before!.expires))

  await working.release()
  return { name: client.name, mac, address: must(parseIpv4(address)) }
}

type Wire = Awaited<ReturnType<Sniffer['stop']>>

const kinds = (wire: Wire) => wire.map(({ message }) => option.messageType.read(message.options))

const macOf = (chaddr: Uint8Array): string =>
  Buffer.from(chaddr)
    .toString('hex')
    .replaceAll(/(..)(?=.)/g, '$1:')
