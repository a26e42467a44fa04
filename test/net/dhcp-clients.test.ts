import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dhcpClients, udhcpc } from './dhcp-client.ts'
import { eventually } from './eventually.ts'
import { addBridge, createLab, type Lab, type Namespace } from './lab.ts'
import { startRollcall, type Rollcall } from './lab-rollcall.ts'
import { leaseOf, strangerOf } from './leases.ts'
import { temporaryFolder } from './temporary-folder.ts'

/**
 * ISC's dhclient and busybox's udhcpc on the server's own segment: what they ask for in earnest, and
 * what they make of our answers.
 */
let lab: Lab
let server: Namespace
let rollcall: Rollcall
let plugged = 0

const rack = {
  network: '192.0.2.0/24',
  pools: ['192.0.2.100-192.0.2.119'],
  router: '192.0.2.254',
  dns: ['192.0.2.53', '192.0.2.54'],
  domain: 'rack.example',
  // Seconds. The shortest of which both clients renew at the half: udhcpc takes less for more.
  leaseTime: 30,
  unregistered: 'serve',
}

beforeAll(async () => {
  lab = await createLab()
  server = await lab.namespace('server')
  await addBridge(server, 'rack0', '192.0.2.1/24')
  rollcall = await startRollcall(lab, server, { interfaces: ['rack0'] })
  await rollcall.api('PUT', '/api/v1/subnets/rack', rack)
})

afterAll(() => lab.close())

/** Something with one NIC on the segment, powered on. */
async function plugIn(): Promise<{ ns: Namespace; mac: string; reserved: string }> {
  const number = (plugged += 1)
  const ns = await lab.namespace(`nic${number}`)
  const mac = `52:54:00:00:00:${String(number).padStart(2, '0')}`
  const port = { ns: server, device: `port${number}`, bridge: 'rack0' }
  await lab.veth({ ns, device: 'eth0', mac }, port)
  return { ns, mac, reserved: `192.0.2.${50 + number}` }
}

describe.each(dhcpClients)('$name', (client) => {
  test('is given what the inventory says', async () => {
    const { ns, mac, reserved: address } = await plugIn()
    const hostname = `${client.name}-1`
    await rollcall.api('PUT', `/api/v1/machines/${hostname}`, { macs: [mac], address })

    const lease = await client.start(lab, ns).bound()

    expect(lease).toEqual({
      address,
      mask: '255.255.255.0',
      router: '192.0.2.254',
      dns: '192.0.2.53 192.0.2.54',
      domain: 'rack.example',
      hostname,
      server: '192.0.2.1',
      seconds: '30',
    })
    expect(await leaseOf(rollcall, mac)).toMatchObject({
      address,
      machine: hostname,
      state: 'bound',
    })
    expect(await strangerOf(rollcall, mac)).toBeUndefined()
  })

  test('is given a pool address and no name when nobody registered it', async () => {
    const { ns, mac } = await plugIn()

    const { address, hostname } = await client.start(lab, ns).bound()

    expect(address).toMatch(/^192\.0\.2\.1[01]\d$/)
    expect(hostname).toBe('')
    expect(await strangerOf(rollcall, mac)).toMatchObject({ address, subnet: 'rack' })
  })

  test('has the same address after a crash, with and without memory, and under another client id', async () => {
    const { ns } = await plugIn()
    const memory = temporaryFolder(lab)
    const lives = [{ memory }, { memory }, {}, { clientId: ['ff', '00', '00', '00', '2a'] }]

    const addresses: string[] = []
    for (const life of lives) {
      const working = client.start(lab, ns, life)
      addresses.push((await working.bound()).address)
      await working.process.stop('SIGKILL')
      await ns.ip('address flush dev eth0')
    }

    expect(addresses).toEqual(lives.map(() => addresses[0]))
  })

  test('frees its address when it gives it back', async () => {
    const { ns, mac } = await plugIn()
    const working = client.start(lab, ns)
    const { address } = await working.bound()

    await working.release()

    const released = await eventually('released lease', 10, async () => {
      const lease = await leaseOf(rollcall, mac)
      return lease?.state === 'released' ? lease : undefined
    })
    expect(released.address).toBe(address)
  })

  test('hears nothing where strangers are ignored, and is listed as one', async () => {
    const { ns, mac } = await plugIn()
    await rollcall.api('PUT', '/api/v1/subnets/rack', { ...rack, unregistered: 'ignore' })
    try {
      const { process } = client.start(lab, ns, { once: true })
      await process.exited

      expect(process.text()).toMatch(client.foundNobody)
      expect(process.text()).not.toContain('192.0.2.1')
      expect(await leaseOf(rollcall, mac)).toBeUndefined()
      const stranger = await strangerOf(rollcall, mac)
      expect(stranger).toMatchObject({ client: 'system', subnet: 'rack' })
      expect(stranger).not.toHaveProperty('address')
    } finally {
      await rollcall.api('PUT', '/api/v1/subnets/rack', rack)
    }
  })
})

test('both renew with the server alone at half of the lease, and keep their addresses', async () => {
  await Promise.all(
    dhcpClients.map(async (client) => {
      const { ns, mac } = await plugIn()
      const working = client.start(lab, ns)
      const { address } = await working.bound()
      const before = await leaseOf(rollcall, mac)

      const renewed = await working.renewed()

      expect(renewed.address).toBe(address)
      expect(working.process.text()).toMatch(client.asksItsServer('192.0.2.1', address))
      const now = await leaseOf(rollcall, mac)
      expect(now).toMatchObject({ address, state: 'bound', since: before?.since })
      expect(Date.parse(now!.expires)).toBeGreaterThan(Date.parse(before!.expires))
    }),
  )
})

test('an address that somebody else uses is declined, and another one is given', async () => {
  const squatter = await plugIn()
  const { ns, mac, reserved: taken } = await plugIn()
  await squatter.ns.ip(`address add ${taken}/24 dev eth0`)
  await rollcall.api('PUT', '/api/v1/machines/wronged-1', { macs: [mac], address: taken })

  const { address } = await udhcpc.start(lab, ns).bound()

  expect(address).toMatch(/^192\.0\.2\.1[01]\d$/)
  const { body: list } = await rollcall.api('GET', '/api/v1/boots?machine=wronged-1')
  const { body: boot } = await rollcall.api('GET', `/api/v1/boots/${list.boots[0].id}`)
  const declined = { kind: 'dhcp.decline', details: { address: taken } }
  expect(boot.events).toContainEqual(expect.objectContaining(declined))
})
