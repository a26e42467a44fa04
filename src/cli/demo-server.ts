import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type ApiClient, apiClient } from './client.ts'
import { CliError } from './error.ts'

/** A rollcall of its own, in a process of its own, that nothing else shares. */
export interface DemoServer {
  readonly client: ApiClient
  /** How to start it again, and how to talk to it. */
  readonly configFile: string
  readonly tokenFile: string
  /** Runs one verb against it, as somebody at a terminal would. */
  readonly cli: (...words: readonly string[]) => Promise<void>
  readonly stop: () => Promise<void>
}

export interface Ports {
  readonly dhcp: number
  readonly tftp: number
  readonly http: number
  readonly api: number
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const startMs = 20_000
const stopMs = 10_000

export interface DemoServerSettings {
  /** For the configuration, the state and the log. */
  readonly directory: string
  readonly interface: string
  readonly ports: Ports
  /** Where iPXE is. */
  readonly bootFiles: string
}

/** @throws CliError with the end of its log, when it does not come up */
export async function startDemoServer(
  settings: DemoServerSettings,
  signal: AbortSignal,
): Promise<DemoServer> {
  const { directory, ports } = settings
  const configFile = join(directory, 'rollcall.yaml')
  const logFile = join(directory, 'server.log')
  const tokenFile = join(directory, 'state', 'admin.token')
  const config = {
    stateDir: join(directory, 'state'),
    interfaces: [settings.interface],
    dhcp: { port: ports.dhcp },
    tftp: { port: ports.tftp },
    http: { port: ports.http },
    management: { address: '127.0.0.1', port: ports.api },
    bootFiles: { directories: [settings.bootFiles] },
    log: { level: 'info', format: 'json' },
  }
  writeFileSync(configFile, stringify(config))
  const log = openSync(logFile, 'a')
  const server = spawn(process.execPath, [main, 'serve', '--config', configFile], {
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const orphaned = (): boolean => server.kill('SIGTERM')
  process.once('exit', orphaned)
  server.once('exit', () => process.off('exit', orphaned))
  const url = `http://127.0.0.1:${ports.api}`
  try {
    await ready(server, `${url}/readyz`, signal)
  } catch (error) {
    await stop(server)
    if (signal.aborted) throw error
    const end = readFileSync(logFile, 'utf8').trim().split('\n').slice(-10).join('\n')
    throw new CliError(`the server did not start: ${(error as Error).message}\n${end}`)
  }
  return {
    client: apiClient(url, readFileSync(tokenFile, 'utf8').trim()),
    configFile,
    tokenFile,
    cli: (...words) => verb(['--server', url, '--token-file', tokenFile, ...words]),
    stop: () => stop(server),
  }
}

async function ready(server: ChildProcess, url: string, signal: AbortSignal): Promise<void> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(startMs)])
  const exited = once(server, 'exit').then(([code]) => {
    throw new Error(`it ended with status ${code}`)
  })
  const answering = async (): Promise<void> => {
    for (;;) {
      const answer = await fetch(url, { signal: until }).catch(() => undefined)
      if (answer?.ok === true) return
      await sleep(50, undefined, { signal: until })
    }
  }
  await Promise.race([exited, answering()])
}

/** SIGTERM, and SIGKILL for a server that does not come to its end. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill('SIGTERM')
  const late = setTimeout(() => server.kill('SIGKILL'), stopMs)
  await exited
  clearTimeout(late)
}

async function verb(words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new CliError(`rollcall ${words.slice(4).join(' ')} failed:\n${said.trim()}`)
}

/** Free on loopback a moment ago, which is as good as it gets: the relay must know DHCP's. */
export async function freePorts(): Promise<Ports> {
  const host = '127.0.0.1'
  const tcp = [createServer(), createServer()]
  const udp = [createSocket('udp4'), createSocket('udp4')]
  for (const each of tcp) each.listen({ host, port: 0 })
  for (const each of udp) each.bind({ address: host, port: 0 })
  const all = [...tcp, ...udp]
  await Promise.all(all.map((each) => once(each, 'listening')))
  const [http = 0, api = 0] = tcp.map((each) => (each.address() as AddressInfo).port)
  const [dhcp = 0, tftp = 0] = udp.map((each) => each.address().port)
  await Promise.all(all.map((each) => new Promise<void>((closed) => each.close(() => closed()))))
  return { dhcp, tftp, http, api }
}
