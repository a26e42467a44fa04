import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { powerOnAll } from './demo-boot.ts'
import { boots, eventLine, type Timeline } from './boot-view.ts'
import { problemsOf } from './demo-check.ts'
import { type DemoFiles, writeDemoFiles } from './demo-files.ts'
import { probe } from './demo-probe.ts'
import { requireQemu, runQemuDemo } from './demo-qemu.ts'
import { runInside } from './demo-qemu-rack.ts'
import { type DemoMachine, demoMachines, racks } from './demo-rack.ts'
import { type DemoServer, freePorts, type Ports, startDemoServer } from './demo-server.ts'
import { CliError } from './error.ts'
import { wholeNumber } from './options.ts'
import { print } from './table.ts'

/** More would not fit the pools, nor a terminal. */
const mostMachines = 200
/** Milliseconds for everything, from the first port to the last check. */
const patience = 120_000
/** Firmware and kernels under emulation, and a package to download. */
const qemuPatience = 600_000

interface Options {
  readonly machines: number
  readonly keep?: true
  readonly qemu?: true
  readonly inside?: string
}

export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description('a rack of simulated machines boots from a server of its own, on loopback')
    .option('--machines <n>', 'how many', machineCount, 24)
    .option('--keep', 'leave the temporary directory with database, log and configuration')
    .option('--qemu', 'two virtual machines with real firmware instead (root; Debian packages)')
    .addOption(new Option('--inside <directory>').hideHelp())
    .action(async (options: Options) => {
      process.exitCode = (await chosenDemo(options)) ? 0 : 1
    })
}

async function chosenDemo({ machines, keep, qemu, inside }: Options): Promise<boolean> {
  if (inside !== undefined) {
    return interruptible(qemuPatience, (signal) => runInside(inside, signal))
  }
  if (qemu !== true) return runDemo(demoMachines(machines), keep === true)
  requireQemu()
  return interruptible(qemuPatience, (signal) =>
    inDirectory(keep === true, (directory) => runQemuDemo(directory, signal)),
  )
}

function machineCount(text: string): number {
  const count = wholeNumber(text)
  if (count >= 1 && count <= mostMachines) return count
  throw new InvalidArgumentError(`it takes 1 to ${mostMachines} machines`)
}

/** @returns whether everything was right */
export const runDemo = (machines: readonly DemoMachine[], keep: boolean): Promise<boolean> =>
  interruptible(patience, (signal) =>
    inDirectory(keep, async (directory) => {
      const files = writeDemoFiles(directory, imageName)
      const ports = await freePorts()
      const settings = { directory, interface: 'lo', ports, bootFiles: files.bootFiles }
      const server = await startDemoServer(settings, signal)
      try {
        return await bootRack({ server, ports, files }, machines, signal)
      } finally {
        await server.stop()
        if (keep) tellWhere(directory, server)
      }
    }),
  )

/** @throws CliError after a Ctrl-C, which reaches the servers too, so that anything may fail */
async function interruptible<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    const result = await work(AbortSignal.any([interrupted.signal, AbortSignal.timeout(ms)]))
    interrupted.signal.throwIfAborted()
    return result
  } catch (error) {
    throw interrupted.signal.aborted ? new CliError('interrupted') : error
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

async function inDirectory<T>(keep: boolean, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-demo-'))
  const cleanUp = (): void => {
    if (!keep) rmSync(directory, { recursive: true, force: true })
  }
  // For `rollcall demo | head`, which ends the program at once.
  process.once('exit', cleanUp)
  try {
    return await work(directory)
  } finally {
    process.off('exit', cleanUp)
    cleanUp()
  }
}

function tellWhere(directory: string, { client, configFile, tokenFile }: DemoServer): void {
  print(`\nAll of it is in ${directory}. To look at it:\n`)
  print(`  npm run rollcall -- serve --config ${configFile}\n`)
  print(`  npm run rollcall -- boot list --server ${client.server} --token-file ${tokenFile}\n`)
}

const imageName = 'demo-1'

interface Room {
  readonly server: DemoServer
  readonly ports: Ports
  readonly files: DemoFiles
}

async function bootRack(
  { server, ports, files }: Room,
  machines: readonly DemoMachine[],
  signal: AbortSignal,
): Promise<boolean> {
  const { client } = server
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

  const initrdUrl = `http://127.0.0.1:${ports.http}/images/${imageName}/initrd`
  const problems = [
    ...problemsOf(rows, await boots(client), files),
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
With the path of another machine's seed it got no user-data, and could not phone home for it. Every file arrived whole (SHA-256).
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
