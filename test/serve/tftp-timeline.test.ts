import { expect, onTestFinished, test } from 'vitest'
import type { BootEvent } from '../../src/core/boot-event.ts'
import { makeMetrics } from '../../src/serve/metrics.ts'
import { createRecorder } from '../../src/serve/recorder.ts'
import type { TftpEvent } from '../../src/serve/tftp-event.ts'
import { tftpListener } from '../../src/serve/tftp-timeline.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, machine, macNumber, subnet } from '../support/inventory.ts'

const address = ip('192.0.2.50')
const start = epochMs(Date.parse('2026-11-22T12:00:00Z'))
const worker = machine('worker-1')
const mac = macNumber(1)

/** One machine with a lease, a listener, and what is on the timeline in the end. */
async function scene() {
  const store = openSqliteStore({ path: ':memory:' })
  onTestFinished(() => store.close())
  let now = start
  let drawn = 0
  const lost: unknown[] = []
  const recorder = createRecorder({
    store,
    clock: () => now,
    random: (octets) => new Uint8Array(octets).fill((drawn += 1)),
    log: { error: (...words: unknown[]) => void lost.push(words) },
  })
  const lease = {
    ...{ mac, address, subnet: subnet().name, state: 'bound' as const },
    ...{ since: start, expires: epochMs(start + 3_600_000) },
  }
  await store.update(() => ({
    changes: [
      { kind: 'subnet.put', subnet: subnet() },
      { kind: 'machine.put', machine: worker },
      { kind: 'lease.put', lease },
    ],
    result: undefined,
  }))
  const metrics = makeMetrics()
  const hear = tftpListener(recorder, metrics)
  const happens = async (event: BootEvent): Promise<void> => {
    now = epochMs(now + 1000)
    await recorder.keep({ machine: worker.id, mac, event })
  }
  /** The kinds of the events of each boot, the older boot first. */
  const story = async (): Promise<string[]> => {
    // Updates are kept in order: when this one is, so are those that were only noted.
    await store.update(() => ({ changes: [], result: undefined }))
    expect(lost).toEqual([])
    const told = new Map<string, string[]>()
    const events = await store.events({ limit: 100 })
    for (const { boot, event } of events.toSorted((a, b) => a.at - b.at)) {
      told.set(boot, [...(told.get(boot) ?? []), event.kind])
    }
    return Array.from(told.values(), (kinds) => kinds.join(' '))
  }
  const latest = () => store.facts.latestBoot(worker.id)
  return { hear, happens, story, latest, metrics }
}

const offer: BootEvent = { kind: 'dhcp.offer', client: 'pxe', address }
const peer = { address, port: 2070 }
const file = 'snponly.efi'
const started = (transfer: number): TftpEvent => ({
  ...{ kind: 'started', peer, file, transfer },
  ...{ size: 173_792, blockSize: 1468, windowSize: 4 },
})
const toll = { bytes: 0, retransmits: 4, ms: 23_000 }
const ended = (transfer: number, kind: 'timed-out' | 'declined' | 'evicted'): TftpEvent => ({
  ...{ kind, peer, file, transfer, reason: 'no answer' },
  ...toll,
})
const completed = (transfer: number): TftpEvent => ({
  ...{ kind: 'completed', peer, file, transfer },
  ...{ bytes: 173_792, retransmits: 0, ms: 20 },
})

test('a power cut amid a transfer: its time-out does not touch the boot after it', async () => {
  const { hear, happens, story, latest } = await scene()
  await happens(offer)
  hear(started(1))
  await happens({ kind: 'boot-file.sent', via: 'tftp', file: 'autoexec.ipxe', bytes: 1, ms: 1 })
  await happens(offer) // power is back
  hear(started(2))
  hear(ended(1, 'timed-out'))
  expect(await story()).toEqual(['dhcp.offer boot-file.sent', 'dhcp.offer'])
  expect(latest()).toMatchObject({ stage: 'firmware', events: 1 })
  expect(latest()).not.toHaveProperty('problem')
  hear(completed(2))
  expect(await story()).toEqual(['dhcp.offer boot-file.sent', 'dhcp.offer boot-file.sent'])
})

test('a time-out in the boot that the transfer began in is told', async () => {
  const { hear, happens, story, latest } = await scene()
  await happens(offer)
  hear(started(1))
  hear(ended(1, 'timed-out'))
  expect(await story()).toEqual(['dhcp.offer boot-file.failed'])
  expect(latest()?.problem).toBe('snponly.efi over TFTP: no answer')
})

test('a refusal has no start, and belongs to the boot at hand', async () => {
  const { hear, happens, story } = await scene()
  await happens(offer)
  hear({ kind: 'refused', peer, file, code: 1, reason: 'file not found' })
  expect(await story()).toEqual(['dhcp.offer boot-file.failed'])
})

test('what is no failure is counted, not told', async () => {
  const { hear, happens, story, metrics } = await scene()
  await happens(offer)
  hear(started(1))
  hear(ended(1, 'declined'))
  hear(started(2))
  hear(ended(2, 'evicted'))
  expect(await story()).toEqual(['dhcp.offer'])
  const text = await metrics.registry.metrics()
  expect(text).toContain('rollcall_tftp_transfers_total{outcome="declined"} 1')
  expect(text).toContain('rollcall_tftp_transfers_total{outcome="evicted"} 1')
})

test('an address that is nobody’s', async () => {
  const { hear, story } = await scene()
  const stranger = { peer: { address: ip('192.0.2.51'), port: 2070 } }
  hear({ ...started(1), ...stranger })
  hear({ ...completed(1), ...stranger })
  expect(await story()).toEqual([])
})
