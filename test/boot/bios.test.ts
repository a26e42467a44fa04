import { afterAll, beforeAll, expect, test } from 'vitest'
import { powerOn } from './qemu.ts'
import {
  bridge,
  inOrder,
  makeSegment,
  onConsole,
  onlyTimeline,
  story,
  type Segment,
} from './segment.ts'

let segment: Segment
beforeAll(async () => {
  segment = await makeSegment('tiny')
}, 600_000)
afterAll(() => segment?.lab.close())

test('a BIOS machine whose card has iPXE boots over HTTP and phones home by its name', async () => {
  const { rollcall } = segment
  await rollcall.api('PUT', '/api/v1/machines/rack1-bios', {
    macs: ['52:54:00:00:01:01'],
    address: '192.0.2.50',
  })
  const machine = await powerOn(segment.lab, {
    ns: segment.ns,
    firmware: 'bios',
    cards: [{ mac: '52:54:00:00:01:01', bridge }],
  })
  await onConsole(machine, rollcall, /^ROLLCALL-DONE/m, 240)

  const console = machine.text()
  expect(console).toContain('ROLLCALL-HOSTNAME=rack1-bios\r\n')
  expect(console).toContain('ROLLCALL-FALLBACK=rack1-bios\r\n')
  expect(console).toContain('ROLLCALL-NIC=eth0 192.0.2.50/24\r\n')
  expect(console).toContain('ROLLCALL-PHONED-HOME\r\n')
  expect(console).not.toContain('ROLLCALL-PROBLEM')

  const boot = await onlyTimeline(rollcall, 'rack1-bios')
  expect(boot).toMatchObject({ stage: 'up', outcome: 'up' })
  expect(story(boot)).toMatch(
    inOrder(
      'dhcp.offer: offered 192.0.2.50 to iPXE',
      'dhcp.ack: gave 192.0.2.50 to iPXE',
      'script.sent: boot script sent: it is rack1-bios, with image tiny',
      'image.sent: kernel sent',
      'image.sent: initrd sent',
      'dhcp.ack: gave 192.0.2.50 to the system',
      'seed.sent: network-config sent',
      'seed.sent: meta-data sent',
      'seed.sent: user-data sent',
      'seed.sent: vendor-data sent',
      'phone-home: phoned home as rack1-bios',
    ),
  )
}, 300_000)

test('a machine whose first card has no cable boots through its second one', async () => {
  const { rollcall } = segment
  const [dead, live] = ['52:54:00:00:01:02', '52:54:00:00:01:03'] as const
  await rollcall.api('PUT', '/api/v1/machines/rack1-two', { macs: [dead, live] })
  const machine = await powerOn(segment.lab, {
    ns: segment.ns,
    firmware: 'bios',
    cards: [{ mac: dead }, { mac: live, bridge }],
  })
  await onConsole(machine, rollcall, /^ROLLCALL-DONE/m, 300)
  expect(machine.text()).toContain('ROLLCALL-HOSTNAME=rack1-two\r\n')

  const boot = await onlyTimeline(rollcall, 'rack1-two')
  expect(boot).toMatchObject({ mac: live, stage: 'up', outcome: 'up' })
}, 360_000)
