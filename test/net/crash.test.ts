import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLab, type Lab, type Namespace } from './lab.ts'
import { nodeBinary, startRollcall, type Rollcall } from './lab-rollcall.ts'
import { leases } from './leases.ts'
import { type Answer, type Ask, type RunningStorm, startStormAt } from './load/storm.ts'

/**
 * The server dies in the middle of a storm of machines and of somebody filling the inventory, is
 * started again on the same state, dies again. Whatever it had said yes to must hold ever after.
 */
let lab: Lab
let server: Namespace
let relay: Namespace
let rollcall: Rollcall

/** Every promise of all rounds: MAC to address and back, hostname to its latest revision. */
const acked = new Map<string, string>()
const holders = new Map<string, string>()
const stored = new Map<string, number>()

beforeAll(async () => {
  lab = await createLab()
  server = await lab.namespace('server')
  relay = await lab.namespace('relay')
  await lab.veth({ ns: server, device: 'eth0' }, { ns: relay, device: 'eth0' })
  await server.ip('address add 192.0.2.1/24 dev eth0')
  await relay.ip('address add 192.0.2.2/24 dev eth0')
  const log = { level: 'info', format: 'json' }
  rollcall = await startRollcall(lab, server, { interfaces: ['eth0'], log })
  // RFC 2544's addresses: leased, but never put on a device.
  await rollcall.api('PUT', '/api/v1/subnets/hall', {
    network: '198.18.0.0/16',
    pools: ['198.18.1.0-198.18.255.250'],
    unregistered: 'serve',
  })
})

afterAll(() => lab.close())

test.each([1, 2, 3, 4, 5])('a SIGKILL loses nothing that was promised (%i)', async (round) => {
  expect(await dieInStorm(round, 'SIGKILL')).toEqual({ code: 137, ...nothingLost })
})

test('a SIGTERM loses nothing that was promised', async () => {
  expect(await dieInStorm(6, 'SIGTERM')).toEqual({ code: 0, ...nothingLost })
})

const nothingLost = { leases: [], machines: [], refused: [] }

/** Ends the server at a moment of a storm, starts it again, and looks for what was lost. */
async function dieInStorm(round: number, signal: NodeJS.Signals) {
  // Some of the machines are registered: their leases are committed together with their timelines.
  await rollcall.api('PUT', `/api/v1/machines/known-${round}`, { macs: macs(round, 0, 64) })
  const puts = fillInventory(round)
  await puts.waitFor(/ 1\n/, 30)
  const storm = startStorm(macs(round, 0, 20_000).map((mac) => ({ kind: 'boot', mac })))
  await storm.answered(randomInt(50, 3000), 60)
  const code = await rollcall.stop(signal)
  await Promise.all([storm.process.stop('SIGKILL'), puts.stop('SIGKILL')])

  const booted = storm.answers()
  for (const answer of booted) promise(answer)
  for (const [, hostname = '', revision] of puts.text().matchAll(/^(\S+) (\d)\n/gm)) {
    stored.set(hostname, Math.max(Number(revision), stored.get(hostname) ?? 0))
  }
  expect(puts.text(), 'no PUT was refused').not.toContain('Error')

  await rollcall.start()

  const lost = { leases: await lostLeases(), machines: await lostMachines() }
  // Others ask first, while a forgetful server would still take those addresses for free ones.
  const others = macs(round, 30_000, 200).map((mac): Ask => ({ kind: 'boot', mac }))
  for (const answer of await answersTo(others)) promise(answer)
  const back = booted.map(({ mac, address }, index): Ask => {
    return { kind: index % 2 === 0 ? 'init-reboot' : 'rebind', mac, address }
  })
  const refused = (await answersTo(back)).filter(
    ({ answer, mac, address }) => answer === 'nak' || address !== acked.get(mac),
  )
  return { code, ...lost, refused }
}

/** Takes an ACK at its word. Fails when the same address was promised to somebody else. */
function promise({ answer, mac, address }: Answer): void {
  const holder = holders.get(address) ?? mac
  expect({ answer, mac, address, holder }).toEqual({ answer: 'ack', mac, address, holder: mac })
  holders.set(address, mac)
  acked.set(mac, address)
}

async function lostLeases() {
  const held = new Map((await leases(rollcall)).map((lease) => [lease.mac, lease]))
  return [...acked].flatMap(([mac, address]) => {
    const lease = held.get(mac)
    return lease?.address === address && lease.state === 'bound' ? [] : [{ mac, address, lease }]
  })
}

async function lostMachines() {
  const { body } = await rollcall.api('GET', '/api/v1/machines')
  const kept = new Map<string, number>()
  for (const { hostname, labels } of body.machines) kept.set(hostname, Number(labels.revision))
  return [...stored].flatMap(([hostname, revision]) => {
    const found = kept.get(hostname) ?? 0
    return found >= revision ? [] : [{ hostname, revision, found }]
  })
}

const startStorm = (asks: readonly Ask[]): RunningStorm =>
  startStormAt(lab, relay, { server: '192.0.2.1', relay: '192.0.2.2', link: '198.18.0.1', asks })

async function answersTo(asks: readonly Ask[]): Promise<readonly Answer[]> {
  const storm = startStorm(asks)
  await storm.answered(asks.length, 60)
  await storm.process.exited
  return storm.answers()
}

function fillInventory(round: number) {
  const program = join(import.meta.dirname, 'load', 'put-machines.ts')
  const token = readFileSync(join(rollcall.stateDir, 'admin.token'), 'utf8').trim()
  const argv = [nodeBinary, program, 'http://127.0.0.1:8470', token, String(round)]
  return server.start('put-machines', argv)
}

/** MACs that no other round has. */
const macs = (round: number, from: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => {
    const number = (round * 0x10000 + from + index).toString(16).padStart(6, '0')
    return `52:54:01:${number.replaceAll(/(..)(?=.)/g, '$1:')}`
  })
