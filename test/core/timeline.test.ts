import { describe, expect, test } from 'vitest'
import { stages, type BootEvent } from '../../src/core/boot-event.ts'
import { type Boot } from '../../src/core/boot.ts'
import { mostEvents, record } from '../../src/core/timeline.ts'
import type { BootId, ImageName } from '../../src/values/ids.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, machine, macNumber } from '../support/inventory.ts'

const address = ip('192.0.2.9')
const rack = machine('r1')

/** Runs events, one a second, and shows what the boots were. */
class Run {
  boots: Boot[] = []
  lines = 0
  now = 0

  happens(...events: readonly BootEvent[]): this {
    for (const event of events) {
      this.now += 1000
      const fresh = `b${this.boots.length + 1}` as BootId
      const happening = { machine: rack.id, mac: macNumber(1), event }
      for (const change of record(happening, this.boots.at(-1), fresh, epochMs(this.now))) {
        if (change.kind === 'event.add') this.lines += 1
        if (change.kind !== 'boot.put') continue
        const at = this.boots.findIndex(({ id }) => id === change.boot.id)
        if (at < 0) this.boots.push(change.boot)
        else this.boots[at] = change.boot
      }
    }
    return this
  }

  waits(seconds: number): this {
    this.now += seconds * 1000
    return this
  }

  get story(): readonly string[] {
    return this.boots.map(({ stage, outcome }) => `${stage} ${outcome}`)
  }
}

const offer = (client: 'pxe' | 'ipxe' | 'uefi-http' | 'system'): BootEvent => ({
  kind: 'dhcp.offer',
  client,
  address,
})
const ack = (client: 'pxe' | 'ipxe' | 'system'): BootEvent => ({
  kind: 'dhcp.ack',
  client,
  address,
})
const image = 'worker-1' as ImageName
const script: BootEvent = { kind: 'script.sent', image, hostname: rack.hostname }
const tftp: BootEvent = {
  kind: 'boot-file.sent',
  via: 'tftp',
  file: 'snponly.efi',
  bytes: 1,
  ms: 1,
}
const kernel: BootEvent = { kind: 'image.sent', part: 'kernel', bytes: 1, ms: 1 }
const initrd: BootEvent = { kind: 'image.sent', part: 'initrd', bytes: 1, ms: 1 }
const seed: BootEvent = { kind: 'seed.sent', document: 'meta-data' }
const cloudInit: BootEvent = { kind: 'cloud-init', name: 'init-network', phase: 'start' }
const home = (matches: boolean): BootEvent => ({
  kind: 'phone-home',
  hostname: matches ? 'r1' : 'nixos',
  matches,
})

const untilScript = [offer('pxe'), ack('pxe'), tftp, offer('ipxe'), ack('ipxe'), script]
const afterScript = [kernel, initrd, offer('system'), ack('system'), seed, cloudInit, home(true)]

test('one power-on is one boot, from firmware to its name', () => {
  const run = new Run().happens(...untilScript, ...afterScript)
  expect(run.story).toEqual(['up up'])
  expect(run.lines).toBe(untilScript.length + afterScript.length)
})

const inCluster: readonly BootEvent[] = [
  { kind: 'csr.approved', request: 'node-csr-1', key: 'ab', renewal: false },
  { kind: 'node.registered' },
  { kind: 'node.ready', kernelBoot: 'k1' },
]

test('each event brings the boot to its stage, and none brings it back', () => {
  const run = new Run()
  const reached = [...untilScript, ...afterScript, ...inCluster].map(
    (event) => run.happens(event).boots.at(-1)!.stage,
  )
  expect([...new Set(reached)]).toEqual(stages)
  expect(run.happens(seed, ack('system')).story).toEqual(['ready up'])
})

test('a Ready node ends a boot that never phoned home, and its key and kernel are remembered', () => {
  const run = new Run().happens(...untilScript, ...inCluster)
  expect(run.story).toEqual(['ready up'])
  expect(run.boots[0]).toMatchObject({ nodeKey: 'ab', kernelBoot: 'k1' })
  expect(new Run().happens(...untilScript, home(false), ...inCluster).story).toEqual([
    'ready misnamed',
  ])
})

test('a renewal is not the key of this boot', () => {
  const renewal = { kind: 'csr.approved', request: 'r', key: 'cd', renewal: true } as const
  const run = new Run().happens(...untilScript, ...inCluster, renewal)
  expect(run.boots[0]).toMatchObject({ nodeKey: 'ab' })
})

test('powered on again when up: another boot, and the first stays as it ended', () => {
  const run = new Run().happens(...untilScript, ...afterScript, offer('pxe'))
  expect(run.story).toEqual(['up up', 'firmware running'])
})

test.each([
  ['firmware that asks anew', offer('pxe')],
  ['an iPXE ROM that asks anew', offer('ipxe')],
  ['a script fetched again', script],
])('%s after the script: the boot before is superseded', (_name, event) => {
  const run = new Run().happens(...untilScript, kernel, event)
  expect(run.story).toEqual(['kernel superseded', expect.stringMatching(/running$/)])
})

test('firmware that asks until it is answered is one boot', () => {
  const run = new Run().happens(offer('pxe'), offer('pxe'), offer('pxe'), ack('pxe'))
  expect(run.story).toEqual(['firmware running'])
})

test('an iPXE that asks on several NICs is one boot', () => {
  expect(new Run().happens(offer('ipxe'), offer('ipxe'), ack('ipxe')).story).toEqual([
    'ipxe running',
  ])
})

test('firmware that was silent for long has been powered off in between', () => {
  const run = new Run().happens(offer('pxe'), ack('pxe')).waits(301).happens(offer('pxe'))
  expect(run.story).toEqual(['firmware superseded', 'firmware running'])
})

test('firmware that asks again after a pause is the same power-on', () => {
  const run = new Run().happens(offer('pxe'), ack('pxe')).waits(290).happens(offer('pxe'))
  expect(run.story).toEqual(['firmware running'])
})

test('a clock that was set back: the new boot still comes after the old one', () => {
  const late = '01zzzzzzzz0000000000000000' as BootId
  const old = new Run().happens(...untilScript).boots[0]!
  const changes = record(
    { machine: rack.id, mac: macNumber(1), event: script },
    { ...old, id: late },
    '01aaaaaaaa0000000000000000' as BootId,
    epochMs(5),
  )
  const ids = changes.flatMap((change) => (change.kind === 'boot.put' ? [change.boot.id] : []))
  expect(ids).toEqual([late, '01zzzzzzzz0000000000000001'])
})

test('a name other than the issued one is an outcome of its own, with words', () => {
  const run = new Run().happens(...untilScript, home(false))
  expect(run.story).toEqual(['up misnamed'])
  expect(run.boots[0]!.problem).toBe("it phoned home as 'nixos'")
})

test('a disk that was kept does not phone home again: the end of cloud-init counts', () => {
  const end: BootEvent = {
    kind: 'cloud-init',
    name: 'modules-final',
    phase: 'finish',
    result: 'SUCCESS',
  }
  expect(new Run().happens(...untilScript, seed, cloudInit, end).story).toEqual(['up up'])
  expect(new Run().happens(...untilScript, home(false), end).story).toEqual(['up misnamed'])
})

describe('what would fill the disk', () => {
  test('the same trouble over and over is one line', () => {
    const trouble: BootEvent = { kind: 'dhcp.no-answer', client: 'pxe', reason: 'no free address' }
    const run = new Run().happens(...Array.from({ length: 50 }, () => trouble))
    expect(run.lines).toBe(1)
    expect(run.boots).toHaveLength(1)
    expect(run.boots[0]!.problem).toMatch(/no free address/)
  })

  test('a script that is refused again and again neither adds up nor keeps the boot going', () => {
    const run = new Run().happens(offer('ipxe'))
    const refusal: BootEvent = { kind: 'script.refused', reason: 'not its address' }
    run.happens(refusal)
    const { updated } = run.boots[0]!
    run.waits(60).happens(refusal, refusal)
    expect([run.lines, run.boots[0]!.updated]).toEqual([2, updated])
  })

  test('a client that never stops talking', () => {
    const run = new Run().happens(script)
    for (let i = 0; i < mostEvents + 50; i += 1) run.happens(cloudInit)
    expect(run.lines).toBe(mostEvents)
    expect(run.happens(home(true)).story).toEqual(['up up'])
  })
})
