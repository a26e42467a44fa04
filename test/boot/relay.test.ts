import { afterAll, beforeAll, expect, test } from 'vitest'
import { addBridge, advertiseRouter, type Namespace } from '../net/lab.ts'
import { tool } from '../net/lab-tools.ts'
import { powerOn } from './qemu.ts'
import {
  bridge,
  inOrder,
  makeSegment,
  onConsole,
  onlyTimeline,
  serverAddress,
  story,
  type Segment,
} from './segment.ts'

const farBridge = 'br1'
let segment: Segment
let router: Namespace

beforeAll(async () => {
  segment = await makeSegment('tiny')
  const { lab, ns, rollcall } = segment
  // A router between the server's segment and the machines', with a relay on it.
  router = await lab.namespace('router')
  await lab.veth({ ns, device: 'uplink', bridge }, { ns: router, device: 'eth0' })
  await router.ip('address add 192.0.2.2/24 dev eth0')
  await addBridge(router, farBridge, '198.51.100.1/24')
  await router.exec(['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'])
  await ns.ip('route add 198.51.100.0/24 via 192.0.2.2')
  await advertiseRouter(router, farBridge)
  const relay = router.start('dhcrelay', [
    ...[tool('dhcrelay'), '-4', '-d', '-a', '--no-pid'],
    ...['-id', farBridge, '-iu', 'eth0', serverAddress],
  ])
  await relay.waitFor(/Sending on .*eth0/, 10)
  await rollcall.api('PUT', '/api/v1/subnets/far', {
    network: '198.51.100.0/24',
    pools: ['198.51.100.100-198.51.100.199'],
    router: '198.51.100.1',
  })
}, 600_000)
afterAll(() => segment?.lab.close())

test('a UEFI machine behind a relay boots through it and phones home', async () => {
  const { rollcall } = segment
  await rollcall.api('PUT', '/api/v1/machines/rack2-far', { macs: ['52:54:00:00:03:01'] })
  const machine = await powerOn(segment.lab, {
    ns: router,
    firmware: 'uefi-pxe',
    cards: [{ mac: '52:54:00:00:03:01', bridge: farBridge }],
  })
  await onConsole(machine, rollcall, /^ROLLCALL-DONE/m, 400)
  expect(machine.text()).toContain('ROLLCALL-HOSTNAME=rack2-far\r\n')
  expect(machine.text()).not.toContain('ROLLCALL-PROBLEM')
  const address = /^ROLLCALL-NIC=eth0 (198\.51\.100\.1\d\d)\/24/m.exec(machine.text())?.[1] ?? ''

  const boot = await onlyTimeline(rollcall, 'rack2-far')
  expect(boot).toMatchObject({ stage: 'up', outcome: 'up' })
  expect(story(boot)).toMatch(
    inOrder(
      `dhcp.offer: offered ${address} to the firmware, through relay 198.51.100.1`,
      `dhcp.ack: gave ${address} to the firmware, through relay 198.51.100.1`,
      'boot-file.sent: snponly.efi sent over TFTP',
      `dhcp.ack: gave ${address} to iPXE, through relay 198.51.100.1`,
      'script.sent: boot script sent: it is rack2-far, with image tiny',
      'image.sent: kernel sent',
      'image.sent: initrd sent',
      `dhcp.ack: gave ${address} to the system, through relay 198.51.100.1`,
      'seed.sent: meta-data sent',
      'phone-home: phoned home as rack2-far',
    ),
  )
}, 460_000)
