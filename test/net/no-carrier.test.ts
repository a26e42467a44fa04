import { afterAll, beforeAll, expect, test } from 'vitest'
import { udhcpc } from './dhcp-client.ts'
import { createLab, type Lab, type Namespace } from './lab.ts'
import { startRollcall } from './lab-rollcall.ts'

let lab: Lab
let server: Namespace
beforeAll(async () => {
  lab = await createLab()
  server = await lab.namespace('server')
})
afterAll(() => lab.close())

/** After a power failure the server is often up before the switch is. */
test('a server starts while its cable is out, and serves when it is in', async () => {
  const machine = await lab.namespace('machine')
  await lab.veth({ ns: server, device: 'eth1' }, { ns: machine, device: 'eth0' })
  await server.ip('address add 192.0.2.1/24 dev eth1')
  await machine.ip('link set eth0 down')
  const { stdout } = await server.exec(['cat', '/sys/class/net/eth1/carrier'])
  expect(stdout.trim()).toBe('0')
  const rollcall = await startRollcall(lab, server, { interfaces: ['eth1'] })
  await rollcall.api('PUT', '/api/v1/subnets/rack', {
    network: '192.0.2.0/24',
    pools: ['192.0.2.100-192.0.2.109'],
    unregistered: 'serve',
  })

  await machine.ip('link set eth0 up')
  const { address } = await udhcpc.start(lab, machine).bound()

  expect(address).toBe('192.0.2.100')
})

/** A bridge that is made again, a driver that is loaded anew: to the kernel it is another interface. */
test('DHCP goes on when its interface is taken away and made again', async () => {
  const server = await lab.namespace('remade')
  const cable = async (name: string) => {
    const machine = await lab.namespace(name)
    await lab.veth({ ns: server, device: 'eth1' }, { ns: machine, device: 'eth0' })
    await server.ip('address add 192.0.2.1/24 dev eth1')
    return machine
  }
  const first = await cable('first')
  const rollcall = await startRollcall(lab, server, { interfaces: ['eth1'] })
  await rollcall.api('PUT', '/api/v1/subnets/rack', {
    network: '192.0.2.0/24',
    pools: ['192.0.2.100-192.0.2.109'],
    unregistered: 'serve',
  })
  expect((await udhcpc.start(lab, first).bound()).address).toBe('192.0.2.100')

  await server.ip('link del eth1')
  const second = await cable('second')

  expect((await udhcpc.start(lab, second).bound()).address).toBe('192.0.2.101')
  expect(rollcall.log()).toContain('is another one now')
})
