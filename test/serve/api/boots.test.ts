import { expect, test } from 'vitest'
import type { BootEvent } from '../../../src/core/boot-event.ts'
import { eventDetails, eventText } from '../../../src/serve/api/event-words.ts'
import type { ImageName } from '../../../src/values/ids.ts'
import { ip, machine } from '../../support/inventory.ts'
import { management } from './management.ts'
import { ack, addMachine, happen, offer, script } from './timeline.ts'

interface Listed {
  readonly boots: readonly { readonly id: string; readonly machine: string; stage: string }[]
}

test("every machine's latest boot, one machine's boots, and one boot with its timeline", async () => {
  const { call, store } = await management()
  await addMachine(store, 1)
  await addMachine(store, 2)
  await happen(store, 1, offer, ack, script)
  await happen(store, 2, offer)
  await happen(store, 1, offer)
  const get = async (path: string) => (await (await call('GET', path)).json()) as Listed
  const latest = await get('/boots')
  expect(latest.boots.map((boot) => [boot.machine, boot.stage])).toEqual([
    ['w1', 'firmware'],
    ['w2', 'firmware'],
  ])
  const own = await get('/boots?machine=52:54:00:00:00:01')
  expect(own.boots).toMatchObject([
    { machine: 'w1', stage: 'firmware', outcome: 'running' },
    { machine: 'w1', stage: 'script', outcome: 'superseded', mac: '52:54:00:00:00:01' },
  ])
  const one = await call('GET', `/boots/${own.boots[1]?.id}`)
  expect(one.status).toBe(200)
  const { events, ...boot } = (await one.json()) as { events: unknown[] }
  expect(boot).toEqual(own.boots[1])
  expect(events).toMatchObject([
    { kind: 'dhcp.offer', machine: 'w1', boot: own.boots[1]?.id },
    {
      kind: 'dhcp.ack',
      text: 'gave 192.0.2.50 to the firmware',
      details: { client: 'pxe', address: '192.0.2.50', arch: 7 },
    },
    { kind: 'script.sent', details: { image: 'worker-1', hostname: 'w1' } },
  ])
})

test('boots of nobody', async () => {
  const { call } = await management()
  expect((await call('GET', '/boots/nothing')).status).toBe(404)
  expect((await call('GET', '/boots?machine=nobody')).status).toBe(404)
  expect((await call('GET', '/boots?machine=No_body')).status).toBe(422)
  expect(await (await call('GET', '/boots')).json()).toEqual({ boots: [] })
})

test('what the server keeps to itself stays out', async () => {
  const { call, store } = await management()
  await addMachine(store, 1)
  await happen(store, 1, offer)
  const { id } = machine('w1')
  const boot = store.facts.latestBoot(id)!
  const issued = {
    hostname: machine('w1').hostname,
    image: 'worker-1' as ImageName,
    seed: 'digest-of-the-seed' as NonNullable<typeof boot.issued>['seed'],
    at: boot.opened,
  }
  await store.update(() => ({
    changes: [{ kind: 'boot.put', boot: { ...boot, issued } }],
    result: undefined,
  }))
  const text = await (await call('GET', `/boots/${boot.id}`)).text()
  expect(JSON.parse(text)).toMatchObject({ issued: { hostname: 'w1', image: 'worker-1' } })
  expect(text).not.toContain('digest')
})

const every: readonly [BootEvent, string][] = [
  [offer, 'offered 192.0.2.50 to the firmware'],
  [
    { kind: 'dhcp.ack', client: 'system', address: ip('192.0.2.50'), relay: ip('192.0.2.1') },
    'gave 192.0.2.50 to the system, through relay 192.0.2.1',
  ],
  [{ kind: 'dhcp.nak', client: 'ipxe', reason: 'moved' }, "refused iPXE's address: moved"],
  [{ kind: 'dhcp.no-answer', client: 'pxe', reason: 'full' }, 'did not answer the firmware: full'],
  [{ kind: 'dhcp.release', address: ip('192.0.2.50') }, 'gave 192.0.2.50 back'],
  [
    { kind: 'dhcp.decline', address: ip('192.0.2.50') },
    'found 192.0.2.50 in use by another machine',
  ],
  [
    {
      kind: 'boot-file.sent',
      via: 'tftp',
      file: 'snponly.efi',
      bytes: 250_000,
      ms: 140,
      retransmits: 2,
    },
    'snponly.efi sent over TFTP, 0.3 MB in 0.1 s, 2 sent again',
  ],
  [
    { kind: 'boot-file.missing', arch: 6, reason: 'no iPXE' },
    'no boot file for architecture 6: no iPXE',
  ],
  [
    { kind: 'boot-file.failed', via: 'http', file: 'ipxe.efi', reason: 'gone' },
    'ipxe.efi not sent over HTTP: gone',
  ],
  [script, 'boot script sent: it is w1, with image worker-1'],
  [{ kind: 'script.refused', reason: 'no image' }, 'boot script refused: no image'],
  [
    { kind: 'image.sent', part: 'kernel', bytes: 50_000, ms: 2000 },
    'kernel sent, 50.0 kB in 2.0 s',
  ],
  [
    { kind: 'image.failed', part: 'initrd', bytes: 5, reason: 'reset' },
    'initrd broken off after 0.0 kB: reset',
  ],
  [{ kind: 'seed.sent', document: 'meta-data' }, 'meta-data sent'],
  [
    { kind: 'seed.refused', document: 'user-data', reason: 'another address' },
    'user-data refused: another address',
  ],
  [
    { kind: 'cloud-init', name: 'modules-final', phase: 'start' },
    'cloud-init begins modules-final',
  ],
  [
    { kind: 'cloud-init', name: 'modules-final', phase: 'finish', result: 'SUCCESS' },
    'cloud-init ends modules-final: SUCCESS',
  ],
  [{ kind: 'phone-home', hostname: 'w1', matches: true }, 'phoned home as w1'],
  [
    { kind: 'phone-home', hostname: 'nixos', matches: false },
    "phoned home as 'nixos', which is not its name",
  ],
]

test('every event has its words, and its details as JSON', () => {
  expect(every.map(([event]) => eventText(event))).toEqual(every.map(([, text]) => text))
  for (const [event] of every) expect(eventDetails(event)).not.toHaveProperty('kind')
})
