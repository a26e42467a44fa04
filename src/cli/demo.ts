import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { powerOnAll } from './demo-boot.ts'
import { boots, eventLine, type Timeline } from './boot-view.ts'
import { problemsOf } from './demo-check.ts'
import { type DemoFiles, writeDemoFiles } from './demo-files.ts'
import { probe } from './demo-probe.ts'
import { type DemoMachine, demoMachines, racks } from './demo-rack.ts'
import { type DemoServer, startDemoServer } from './demo-server.ts'
import { CliError } from './error.ts'
import { wholeNumber } from './options.ts'
import { print } from './table.ts'

/** More would not fit the pools, nor a terminal. */
const mostMachines = 200
/** Everything, from the first port to the last check. */
const patienceMs = 120_000

export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description('a rack of simulated machines boots from a server of its own, on loopback')
    .option('--machines <n>', 'how many', machineCount, 24)
    .option('--keep', 'leave the temporary directory with database, log and configuration')
    .action(async ({ machines, keep }: { readonly machines: number; readonly keep?: true }) => {
      process.exitCode = (await runDemo(demoMachines(machines), keep === true)) ? 0 : 1
    })
}

function machineCount(text: string): number {
  const count = wholeNumber(text)
  if (count >= 1 && count <= mostMachines) return count
  throw new InvalidArgumentError(`it takes 1 to ${mostMachines} machines`)
}

/** @returns whether everything was right */
export async function runDemo(machines: readonly DemoMachine[], keep: boolean): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-demo-'))
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort()
  const cleanUp = (): void => {
    if (!keep) rmSync(directory, { recursive: true, force: true })
  }
  // `exit`: for `rollcall demo | head`, which ends the program at once.
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt).once('exit', cleanUp)
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(patienceMs)])
  try {
    const files = writeDemoFiles(directory, imageName)
    const server = await startDemoServer(directory, files.bootFiles, signal)
    try {
      return await bootRack(server, files, machines, signal)
    } finally {
      await server.stop()
      if (keep) tellWhere(directory, server)
    }
  } catch (error) {
    // A Ctrl-C reaches the server too, so anything may fail after it.
    throw interrupted.signal.aborted ? new CliError('interrupted') : error
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt).off('exit', cleanUp)
    cleanUp()
  }
}

function tellWhere(directory: string, { client, configFile, tokenFile }: DemoServer): void {
  print(`\nAll of it is in ${directory}. To look at it:\n`)
  print(`  npm run rollcall -- serve --config ${configFile}\n`)
  print(`  npm run rollcall -- boot list --server ${client.server} --token-file ${tokenFile}\n`)
}

const imageName = 'demo-1'

async function bootRack(
  server: DemoServer,
  files: DemoFiles,
  machines: readonly DemoMachine[],
  signal: AbortSignal,
): Promise<boolean> {
  const { client, ports } = server
  print(`a server on 127.0.0.1: DHCP ${ports.dhcp}, TFTP ${ports.tftp}, HTTP ${ports.http}, `)
  print(`API ${ports.api}\n`)
  await server.cli('image', 'import', files.image, '--default')
  for (const { subnet, fields } of Object.values(racks)) {
    await client.send('PUT', `/subnets/${subnet}`, { json: fields })
  }
  for (const { hostname, fields } of machines) {
    if (hostname !== undefined) {
      await client.send('PUT', `/machines/${hostname}`, { json: fields })
    }
  }
  const registered = machines.filter(({ hostname }) => hostname !== undefined)
  print(`image ${imageName} and ${registered.length} machines in two racks are in the inventory; `)
  print('one more machine is plugged in that is not\n\n')

  const began = Date.now()
  const rows = await powerOnAll(machines, ports, signal)
  const seconds = ((Date.now() - began) / 1000).toFixed(1)

  const results = rows.map(({ machine, progress }) => {
    return { mac: machine.nic.mac, hostname: machine.hostname, progress }
  })
  const initrdUrl = `http://127.0.0.1:${ports.http}/images/${imageName}/initrd`
  const problems = [
    ...problemsOf(results, await boots(client), files),
    ...(await probe(rows, { url: initrdUrl, sha256: files.initrdSha256 })),
  ]
  if (problems.length > 0) {
    print(`\n${problems.map((problem) => `WRONG  ${problem}\n`).join('')}`)
    return false
  }
  await tellTimeline(server, registered[0]?.hostname ?? '')
  print(`
All ${registered.length} machines are up in ${seconds} s under the names that the inventory gives to their MACs.
The one that is not in the inventory got no name, and waits to be registered.
Its address was refused the seed of another machine. Every file arrived whole (SHA-256).
`)
  return true
}

/** What the server knows of one boot; cloud-init's own events would fill the screen. */
async function tellTimeline({ client }: DemoServer, hostname: string): Promise<void> {
  const [latest] = await boots(client, hostname)
  if (latest === undefined) return
  const { events } = await client.get<Timeline>(`/boots/${latest.id}`)
  print(`\nThe timeline of ${hostname}, without what cloud-init reports of itself:\n`)
  for (const event of events) if (event.kind !== 'cloud-init') print(`  ${eventLine(event)}`)
}
