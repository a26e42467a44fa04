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
  segment = await makeSegment('debian')
}, 1_200_000)
afterAll(() => segment?.lab.close())

const cloudConfig = `write_files:
  - path: /run/rollcall-test/from-user-data
    content: it was applied
`

test('a whole Debian boots over the network, and its own cloud-init gives it the name', async () => {
  const { rollcall } = segment
  await rollcall.api('PUT', '/api/v1/machines/rack3-debian', {
    macs: ['52:54:00:00:04:01'],
    address: '192.0.2.70',
    cloudConfig,
  })
  const machine = await powerOn(segment.lab, {
    ns: segment.ns,
    firmware: 'bios',
    cards: [{ mac: '52:54:00:00:04:01', bridge }],
    memory: 1024,
  })
  await onConsole(machine, rollcall, /^ROLLCALL-DONE/m, 500)
  const console = machine.text()
  expect(console).toContain('ROLLCALL-HOSTNAME=rack3-debian\r\n')
  expect(console).toContain('ROLLCALL-ETC-HOSTNAME=rack3-debian\r\n')
  expect(console).toMatch(/^ROLLCALL-DATASOURCE=DataSourceNoCloudNet: .*\[dsmode=net\]/m)
  expect(console).toContain('ROLLCALL-FILE=from-user-data: it was applied\r\n')
  const status = /^ROLLCALL-CLOUD-INIT=(.*)\r$/m.exec(console)?.[1] ?? '{}'
  expect(JSON.parse(status)).toMatchObject({ status: 'done', errors: [] })

  const { body: registered } = await rollcall.api('GET', '/api/v1/machines/rack3-debian')
  expect(console).toContain(`ROLLCALL-INSTANCE=${registered.id}\r\n`)

  const boot = await onlyTimeline(rollcall, 'rack3-debian')
  expect(boot).toMatchObject({ stage: 'up', outcome: 'up' })
  expect(story(boot)).toMatch(
    inOrder(
      'dhcp.ack: gave 192.0.2.70 to iPXE',
      'script.sent: boot script sent: it is rack3-debian, with image debian',
      'image.sent: kernel sent',
      'image.sent: initrd sent',
      'dhcp.ack: gave 192.0.2.70 to the system',
      'seed.sent: meta-data sent',
      'seed.sent: user-data sent',
      'seed.sent: vendor-data sent',
      'cloud-init: cloud-init begins init-network/',
      'cloud-init: cloud-init ends init-network: SUCCESS',
      'cloud-init: cloud-init ends modules-config: SUCCESS',
      'phone-home: phoned home as rack3-debian',
      'cloud-init: cloud-init ends modules-final: SUCCESS',
    ),
  )
  expect(boot.problem).toBeUndefined()
}, 600_000)
