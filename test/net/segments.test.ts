import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatIpv4 } from '../../src/values/ipv4.ts'
import { option } from '../../src/wire/dhcp-options.ts'
import { dhclient, udhcpc } from './dhcp-client.ts'
import { createLab, type Lab, type Namespace } from './lab.ts'
import { startRollcall, type Rollcall } from './lab-rollcall.ts'
import { leases } from './leases.ts'
import { type SniffedDhcp, sniffDhcp } from './sniffer.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** One server with a leg in each of two segments: what is said on one is never heard on the other. */
const segments = [
  { name: 'left', network: '192.0.2', client: dhclient },
  { name: 'right', network: '198.51.100', client: udhcpc },
]
/** The same on both, as the VLANs of one NIC have it: it must be two leases all the same. */
const mac = '52:54:00:00:02:01'

let lab: Lab
let rollcall: Rollcall
const machines = new Map<string, Namespace>()

beforeAll(async () => {
  lab = await createLab()
  const server = await lab.namespace('server')
  for (const { name, network } of segments) {
    const ns = await lab.namespace(name)
    await lab.veth({ ns: server, device: name }, { ns, device: 'eth0', mac })
    await server.ip(`address add ${network}.1/24 dev ${name}`)
    machines.set(name, ns)
  }
  rollcall = await startRollcall(lab, server, { interfaces: segments.map(({ name }) => name) })
  for (const { name, network } of segments) {
    await rollcall.api('PUT', `/api/v1/subnets/${name}`, {
      network: `${network}.0/24`,
      pools: [`${network}.100-${network}.109`],
      unregistered: 'serve',
    })
  }
})

afterAll(() => lab.close())

test('each segment has its own addresses, and hears of no other', async () => {
  const taps = await Promise.all(segments.map(({ name }) => sniffDhcp(lab, machine(name), 'eth0')))

  const given = await Promise.all(
    segments.map(({ name, client }) => client.start(lab, machine(name)).bound()),
  )
  const wires = await Promise.all(taps.map((tap) => tap.stop()))

  expect(given).toMatchObject(
    segments.map(({ network }) => ({ address: `${network}.100`, server: `${network}.1` })),
  )
  expect(await leases(rollcall)).toMatchObject(
    segments.map(({ name, network }) => ({ subnet: name, mac, address: `${network}.100` })),
  )
  segments.forEach(({ name, network }, index) => {
    const replies = wires[index]!.filter(({ message }) => message.op === 'reply')
    expect(new Set(replies.map(kindOf))).toEqual(new Set(['offer', 'ack']))
    for (const { from, message } of replies) {
      expect(formatIpv4(from), `sent on ${name}`).toBe(`${network}.1`)
      expect(formatIpv4(message.yiaddr), `offered on ${name}`).toBe(`${network}.100`)
    }
  })
})

test('a machine that is moved to the other segment is told so at once', async () => {
  const moved = '52:54:00:00:02:02'
  await rollcall.api('PUT', '/api/v1/machines/moved-1', { macs: [moved] })
  for (const { name } of segments) await machine(name).ip(`link set eth0 address ${moved}`)
  const memory = temporaryFolder(lab)
  const before = dhclient.start(lab, machine('left'), { memory })
  expect((await before.bound()).address).toMatch(/^192\.0\.2\./)
  await before.process.stop('SIGKILL')

  const after = dhclient.start(lab, machine('right'), { memory })
  const { address } = await after.bound()

  expect(address).toMatch(/^198\.51\.100\./)
  const said = after.process.text().match(/DHCP[A-Z]+(?= )/g)
  expect(said?.slice(0, 2)).toEqual(['DHCPREQUEST', 'DHCPNAK'])
})

const machine = (segment: string): Namespace => machines.get(segment)!

const kindOf = ({ message }: SniffedDhcp) => option.messageType.read(message.options)
