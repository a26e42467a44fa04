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

const fromScriptOn = (name: string, address: string): string[] => [
  `dhcp.ack: gave ${address} to iPXE`,
  `script.sent: boot script sent: it is ${name}, with image tiny`,
  'image.sent: kernel sent',
  'image.sent: initrd sent',
  `dhcp.ack: gave ${address} to the system`,
  'seed.sent: network-config sent',
  'seed.sent: meta-data sent',
  'seed.sent: user-data sent',
  'seed.sent: vendor-data sent',
  `phone-home: phoned home as ${name}`,
]

test('a UEFI machine loads iPXE by TFTP, then boots over HTTP and phones home', async () => {
  const { rollcall } = segment
  await rollcall.api('PUT', '/api/v1/machines/rack1-uefi', {
    macs: ['52:54:00:00:02:01'],
    address: '192.0.2.60',
  })
  const machine = await powerOn(segment.lab, {
    ns: segment.ns,
    firmware: 'uefi-pxe',
    cards: [{ mac: '52:54:00:00:02:01', bridge }],
  })
  await onConsole(machine, rollcall, /^ROLLCALL-DONE/m, 300)
  expect(machine.text()).toContain('ROLLCALL-HOSTNAME=rack1-uefi\r\n')
  expect(machine.text()).not.toContain('ROLLCALL-PROBLEM')

  const boot = await onlyTimeline(rollcall, 'rack1-uefi')
  expect(boot).toMatchObject({ stage: 'up', outcome: 'up' })
  expect(story(boot)).toMatch(
    inOrder(
      'dhcp.offer: offered 192.0.2.60 to the firmware',
      'dhcp.ack: gave 192.0.2.60 to the firmware',
      'boot-file.sent: snponly.efi sent over TFTP',
      ...fromScriptOn('rack1-uefi', '192.0.2.60'),
    ),
  )
  // OVMF breaks its first transfer off after the size (ERROR 8): no trouble to tell anyone of.
  expect(boot.problem).toBeUndefined()
}, 360_000)

test('a UEFI machine whose firmware boots over HTTP needs no TFTP', async () => {
  const { rollcall } = segment
  // An address from the pool this time.
  await rollcall.api('PUT', '/api/v1/machines/rack1-http', { macs: ['52:54:00:00:02:02'] })
  const machine = await powerOn(segment.lab, {
    ns: segment.ns,
    firmware: 'uefi-http',
    cards: [{ mac: '52:54:00:00:02:02', bridge }],
  })
  await onConsole(machine, rollcall, /^ROLLCALL-DONE/m, 300)
  expect(machine.text()).toContain('ROLLCALL-HOSTNAME=rack1-http\r\n')

  const boot = await onlyTimeline(rollcall, 'rack1-http')
  expect(boot).toMatchObject({ stage: 'up', outcome: 'up' })
  const address = /^ROLLCALL-NIC=eth0 (192\.0\.2\.1\d\d)\/24/m.exec(machine.text())?.[1]
  expect(address).toBeDefined()
  expect(story(boot)).toMatch(
    inOrder(
      `dhcp.ack: gave ${address} to the firmware (HTTP boot)`,
      'boot-file.sent: ',
      ...fromScriptOn('rack1-http', address ?? ''),
    ),
  )
  expect(story(boot)).not.toContain('TFTP')
}, 360_000)
