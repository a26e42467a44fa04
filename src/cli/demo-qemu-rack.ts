import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Progress, Stage } from '../simulator/progress.ts'
import { program } from '../simulator/programs.ts'
import { consoleReport, isConsoleDone, startVirtualMachine } from '../simulator/qemu.ts'
import { parseMac } from '../values/mac.ts'
import { must } from '../values/parse.ts'
import { boots } from './boot-view.ts'
import type { ApiClient } from './client.ts'
import { nameProblems } from './demo-check.ts'
import { bootFiles } from './demo-qemu.ts'
import { startDemoServer } from './demo-server.ts'
import { display, type Display, type Row, rowOf } from './demo-table.ts'
import { CliError } from './error.ts'
import { print } from './table.ts'

/** `rollcall demo --qemu` in its own network namespace, where the well-known ports are free. */

const bridge = 'br0'
const ports = { dhcp: 67, tftp: 69, http: 8080, api: 8470 }
const subnet = { network: '192.0.2.0/24', pools: ['192.0.2.100-192.0.2.199'] }

const virtualMachines = [
  { hostname: 'demo-bios', firmware: 'bios', title: 'SeaBIOS, iPXE ROM', mac: '52:54:00:d0:00:01' },
  { hostname: 'demo-uefi', firmware: 'uefi', title: 'OVMF, UEFI PXE', mac: '52:54:00:d0:00:02' },
] as const
type Plan = (typeof virtualMachines)[number]

/** @returns whether every machine came up under its name */
export async function runInside(directory: string, signal: AbortSignal): Promise<boolean> {
  await makeNetwork()
  const settings = { directory, interface: bridge, ports, bootFiles }
  const server = await startDemoServer(settings, signal)
  const { client } = server
  try {
    await server.cli('image', 'import', join(directory, 'image'), '--default')
    await client.send('PUT', '/subnets/demo', { json: subnet })
    for (const { hostname, mac } of virtualMachines) {
      await client.send('PUT', `/machines/${hostname}`, { json: { macs: [mac] } })
    }
    print(`a server on 192.0.2.1, and ${virtualMachines.length} virtual machines, emulated: `)
    print('this takes a minute\n\n')
    const rows = await bootAll(directory, client, signal)
    const latest = await boots(client)
    const problems = rows.flatMap((row) => nameProblems(row, row.hostname ?? '', latest))
    if (problems.length > 0) {
      print(`\n${problems.map((problem) => `WRONG  ${problem}\n`).join('')}`)
      return false
    }
    print('\nReal firmware booted over the network, and each machine has the name ')
    print('that the inventory gives to its MAC.\n')
    return true
  } finally {
    await server.stop()
  }
}

/** A bridge with the server's address, and a tap for each machine. */
async function makeNetwork(): Promise<void> {
  const commands = [
    'link set lo up',
    `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `addr add 192.0.2.1/24 dev ${bridge}`,
    // A bridge whose ports are all down is down itself, and Node does not list it.
    'link add hold0 type veth peer name hold1',
    'link set hold1 up',
    `link set hold0 master ${bridge} up`,
    `link set ${bridge} up`,
    ...virtualMachines.flatMap((_, index) => [
      `tuntap add tap${index} mode tap`,
      `link set tap${index} master ${bridge}`,
      `link set tap${index} up`,
    ]),
  ]
  const ip = spawn(program('ip'), ['-batch', '-'], { stdio: ['pipe', 'inherit', 'inherit'] })
  ip.stdin.end(`${commands.join('\n')}\n`)
  const [code] = (await once(ip, 'exit')) as [number | null]
  if (code !== 0) throw new CliError('the network of the virtual machines could not be made')
}

async function bootAll(
  directory: string,
  client: ApiClient,
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const rows = virtualMachines.map(({ hostname, mac, title }) =>
    rowOf({ hostname, mac: must(parseMac(mac)), firmware: title }),
  )
  const shown = display(rows)
  const over = new AbortController()
  const following = follow(client, rows, shown, over.signal)
  try {
    const plans = virtualMachines.map((plan, index) => ({ plan, index, row: rows[index] }))
    await Promise.all(
      plans.map(async ({ plan, index, row }) => {
        if (row) await boot(plan, row, { directory, tap: `tap${index}`, shown, signal })
      }),
    )
  } finally {
    over.abort()
    await following
    shown.end()
  }
  return rows
}

/** From power-on until the console has said its last word, or there is nothing more to wait for. */
async function boot(
  { firmware }: Plan,
  row: Row,
  at: {
    readonly directory: string
    readonly tap: string
    readonly shown: Display
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { directory, tap, shown, signal } = at
  const report = (change: Partial<Progress>): void => {
    row.progress = { ...row.progress, ...change }
    shown.update(row)
  }
  const lines: string[] = []
  const done = Promise.withResolvers<void>()
  row.started = Date.now()
  const machine = { firmware, mac: row.mac, tap, variables: join(directory, `${tap}.vars`) }
  const qemu = startVirtualMachine(machine, (line) => {
    lines.push(line)
    const change = consoleReport(line)
    if (change) report(change)
    if (isConsoleDone(line)) done.resolve()
  })
  qemu.once('error', done.reject)
  const exited = once(qemu, 'exit')
  const stop = (): boolean => qemu.kill('SIGKILL')
  signal.addEventListener('abort', stop, { once: true })
  process.once('exit', stop)
  await Promise.race([done.promise, exited])
  stop()
  await exited
  process.off('exit', stop)
  signal.removeEventListener('abort', stop)

  row.ended = Date.now()
  const { phonedHome, problem } = row.progress
  const lastWords = `the machine ended; its console's last lines:\n${lines.slice(-15).join('\n')}`
  report(phonedHome === true ? { stage: 'up' } : { problem: problem ?? lastWords })
}

/** The server's stages, in the simulated machines' words. */
const stageOf = (stage: string): Stage => (stage === 'seed' ? 'cloud-init' : (stage as Stage))

/** What the console does not tell, the server does. */
async function follow(
  client: ApiClient,
  rows: readonly Row[],
  shown: Display,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // A server that does not answer shows in the machines, which come no further.
    for (const { machine, stage } of await boots(client).catch(() => [])) {
      const row = rows.find(({ hostname }) => hostname === machine)
      if (row === undefined || row.ended !== undefined) continue
      row.progress = { ...row.progress, stage: stageOf(stage) }
      shown.update(row)
    }
    await sleep(250, undefined, { signal }).catch(() => {})
  }
}
