import { expect, onTestFinished, test } from 'vitest'
import { watchBoots } from '../../src/cli/boot-watch.ts'
import { apiClient } from '../../src/cli/client.ts'
import type { BootEvent } from '../../src/core/boot-event.ts'
import { startHttpListener } from '../../src/serve/http-listener.ts'
import { ack, addMachine, happen, offer, script } from '../serve/api/timeline.ts'
import { machine } from '../support/inventory.ts'
import { rollcall } from './rollcall.ts'

async function withBoot() {
  const lab = await rollcall()
  await addMachine(lab.store, 1)
  await happen(lab.store, 1, offer, ack)
  return lab
}

test('boots are listed, and shown with their timeline by machine or id', async () => {
  const { run } = await withBoot()
  const list = await run('boot', 'list')
  expect(list.out).toMatch(/^MACHINE +STAGE +OUTCOME +IMAGE +LAST EVENT/)
  expect(list.out).toMatch(/\nw1 +firmware +running +- +2026-11-22 12:\d\d:\d\d +[0-9a-z]{26}\n$/)
  const shown = await run('boot', 'show', 'w1')
  expect(shown.out).toMatch(/^boot +[0-9a-z]{26}\nmachine +w1\n/)
  expect(shown.out).toMatch(/ w1 +dhcp\.ack +gave 192\.0\.2\.50 to the firmware\n$/)
  const boot = JSON.parse((await run('boot', 'show', 'w1', '--json')).out) as { id: string }
  expect((await run('boot', 'show', boot.id)).out).toBe(shown.out)
  expect(await run('boot', 'show', 'nobody')).toMatchObject({
    status: 1,
    err: "rollcall: there is no machine 'nobody'\n",
  })
})

test('show --watch goes on with what happens', async () => {
  const { start, store } = await withBoot()
  const watching = start('boot', 'show', 'w1', '--watch')
  await watching.line(/dhcp\.ack/)
  await happen(store, 1, script)
  await watching.line(/script\.sent +boot script sent: it is w1, with image worker-1\n/)
  await happen(store, 1, offer)
  const next = await watching.line(/\nboot [0-9a-z]{26}\n.*dhcp\.offer/)
  expect(next).toContain('\nboot ')
})

test('list --watch without a terminal is the list and then lines, also after the server was away', async () => {
  const { start, store, listener, app } = await withBoot()
  const watching = start('boot', 'list', '--watch')
  await watching.line(/^MACHINE[^]*w1/)
  await happen(store, 1, script)
  await watching.line(/script\.sent/)
  const { port } = listener
  await listener.stop({ drainMs: 0 })
  await watching.line(/the server is lost, trying again/)
  await happen(store, 1, offer, ack)
  const again = await startHttpListener({ app, address: '127.0.0.1', port })
  onTestFinished(() => again.stop({ drainMs: 0 }))
  await watching.line(/script\.sent[^]*dhcp\.offer[^]*dhcp\.ack/)
  expect(watching.output().match(/script\.sent/g)).toHaveLength(1)
  expect(watching.output().match(/dhcp\.ack/g)).toHaveLength(1)
})

test('list --watch on a terminal is a table that is drawn again', async () => {
  const { server, token, store } = await withBoot()
  let drawn = ''
  const seen = Promise.withResolvers<void>()
  const isTTY = true
  const stop = new AbortController()
  const write = (text: string) => {
    drawn += text
    if (drawn.includes('script')) seen.resolve()
    else if (drawn.includes('firmware')) happen(store, 1, script).catch(seen.reject)
  }
  const out = { isTTY, write }
  const watching = watchBoots(apiClient(server, token), undefined, { out, signal: stop.signal })
  await seen.promise
  stop.abort()
  await watching
  expect(drawn.startsWith('\u001B[2J\u001B[HMACHINE')).toBe(true)
  expect(drawn.endsWith('\u001B[K\n\u001B[J')).toBe(true)
})

test('--watch --json is an object a line', async () => {
  const { start, store } = await withBoot()
  const list = start('boot', 'list', '--watch', '--json')
  const show = start('boot', 'show', 'w1', '--watch', '--json')
  await list.line(/"boot"/)
  await show.line(/dhcp\.ack/)
  await happen(store, 1, script)
  await list.line(/script\.sent.*\n/)
  await show.line(/script\.sent.*\n/)
  const kinds = (output: string) =>
    output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { boot?: { machine: string }; event?: { kind: string } })
      .map(({ boot, event }) => boot?.machine ?? event?.kind)
  expect(kinds(list.output())).toEqual(['w1', 'script.sent'])
  expect(kinds(show.output())).toEqual(['w1', 'dhcp.offer', 'dhcp.ack', 'script.sent'])
})

test('a problem is listed until the machine is up, and shown afterwards too', async () => {
  const { run, store } = await withBoot()
  const refused: BootEvent = { kind: 'seed.refused', document: 'meta-data', reason: 'not yours' }
  await happen(store, 1, script, refused)
  expect((await run('boot', 'list')).out).toMatch(/running .*not yours\n$/)
  const { hostname } = machine('w1')
  await happen(store, 1, { kind: 'phone-home', hostname, matches: true })
  expect((await run('boot', 'list')).out).toMatch(/ up .*[0-9a-z]{26}\n$/)
  expect((await run('boot', 'show', 'w1')).out).toMatch(/problem +.*not yours\n/)
})
