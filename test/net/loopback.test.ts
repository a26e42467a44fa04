import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatIpv4, type Ipv4 } from '../../src/values/ipv4.ts'
import { dhcpClients } from './dhcp-client.ts'
import { createLab, type Lab, type Namespace } from './lab.ts'
import type { Running } from './lab-process.ts'
import { nodeBinary } from './lab-rollcall.ts'
import { tool } from './lab-tools.ts'
import { sniffDhcp } from './sniffer.ts'
import { temporaryFolder } from './temporary-folder.ts'

/**
 * Somebody starts the server with no configuration, just to look at it, on a host that has a leg in a
 * live network. Nobody on that network may notice.
 */
let lab: Lab
let host: Namespace
let neighbour: Namespace
let rollcall: Running

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

beforeAll(async () => {
  lab = await createLab()
  host = await lab.namespace('host')
  neighbour = await lab.namespace('neighbour')
  await lab.veth({ ns: host, device: 'eth0' }, { ns: neighbour, device: 'eth0' })
  await host.ip('address add 192.0.2.1/24 dev eth0')

  // As systemd would say it; else the state would be in the home of whoever runs this test.
  const env = { STATE_DIRECTORY: temporaryFolder(lab) }
  rollcall = host.start('rollcall', [nodeBinary, main, 'serve'], { env })
  await rollcall.waitFor(/ready; management on/, 30)
})

afterAll(() => lab.close())

test('every socket is bound to 127.0.0.1', () => {
  const bound = ['udp', 'tcp', 'udp6', 'tcp6', 'raw', 'raw6', 'packet'].flatMap((table) =>
    socketsIn(table).map((address) => `${table} ${address}`),
  )

  // Provisioning and management; TFTP (two) and DHCP. Port numbers are the configuration's.
  expect(new Set(bound)).toEqual(new Set(['tcp 127.0.0.1', 'udp 127.0.0.1']))
  expect(bound.length).toBeGreaterThanOrEqual(4)
})

test('it answers on loopback', async () => {
  const url = 'http://127.0.0.1:8470/readyz'
  const { code } = await host.exec([tool('curl'), '--silent', '--fail', '--max-time', '10', url])
  expect(code).toBe(0)
})

test.each(dhcpClients)('$name on the network hears nothing', async (client) => {
  const sniffer = await sniffDhcp(lab, neighbour, 'eth0')

  const { process } = client.start(lab, neighbour, { once: true })
  await process.exited

  expect(process.text()).toMatch(client.foundNobody)
  const wire = await sniffer.stop()
  expect(wire.filter(({ message }) => message.op === 'request')).not.toHaveLength(0)
  expect(wire.filter(({ message }) => message.op === 'reply')).toHaveLength(0)
})

/** The local addresses of one of the kernel's tables, in the server's namespace, where only it lives. */
function socketsIn(table: string): readonly string[] {
  const [, ...lines] = readFileSync(`/proc/${rollcall.pid}/net/${table}`, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const local = line.trim().split(/\s+/)[1] ?? ''
    const ipv4 = /^([0-9A-F]{8}):/.exec(local)?.[1]
    // The kernel writes the octets as one number of the machine, which is little-endian here.
    return ipv4 === undefined ? local : formatIpv4(Buffer.from(ipv4, 'hex').readUInt32LE() as Ipv4)
  })
}
