import type { Command } from 'commander'
import { ConfigError, loadConfig, type Config } from '../config.ts'
import { loadNetboot } from '../netboot.ts'
import type { StatusView } from '../serve/api/status.ts'
import type { SecretsStatus } from '../serve/token-keeper.ts'
import { findSegment } from '../serve/segments.ts'
import { connect } from './connection.ts'
import {
  bootFiles,
  interfaces,
  inventory,
  nodeVersion,
  portFree,
  portsOf,
  secrets,
  stateDir,
  wantedNode,
  type Finding,
} from './doctor-checks.ts'
import { print } from './table.ts'

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('look for what is missing, and say what to do about it')
    .option('--config <file>', 'the configuration that the server runs with')
    .action(async ({ config: path }: { readonly config?: string }, command: Command) => {
      const findings = [nodeVersion(process.versions.node, wantedNode())]
      const config = configuration(path, findings)
      if (config !== undefined) {
        const segments = config.interfaces.map(findSegment)
        const server = await serverFindings(command, config)
        const ports = portsOf(config, segments)
        findings.push(
          ...interfaces(segments),
          ...stateDir(config.stateDir),
          ...bootFiles(loadNetboot().firmware, config.bootFiles.directories),
          ...(await Promise.all(ports.map((port) => portFree(port, server.isRunning)))),
          ...server.findings,
        )
      }
      for (const { level, text, advice } of findings) {
        print(`${level.padEnd(4)}  ${text}\n`)
        if (advice !== undefined) print(`      ${advice}\n`)
      }
      if (findings.some(({ level }) => level === 'fail')) process.exitCode = 1
    })
}

function configuration(path: string | undefined, findings: Finding[]): Config | undefined {
  try {
    const config = loadConfig(path)
    const text = path === undefined ? 'no configuration: loopback only' : `${path} is valid`
    findings.push({ level: 'ok', text })
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    findings.push({ level: 'fail', text: error.message, advice: 'put the configuration right' })
    return undefined
  }
}

interface ServerFindings {
  readonly isRunning: boolean
  readonly findings: readonly Finding[]
}

/** A server that is not running is no fault: the doctor is often asked before the first start. */
async function serverFindings(command: Command, config: Config): Promise<ServerFindings> {
  const { address, port } = config.management
  const { server = process.env['ROLLCALL_SERVER'] ?? `http://${address}:${port}` } =
    command.optsWithGlobals<{ server?: string }>()
  try {
    const answer = await fetch(`${server}/healthz`, { signal: AbortSignal.timeout(5000) })
    if (!answer.ok) throw new Error(`status ${answer.status}`)
  } catch {
    const text = `no server answers at ${server}`
    return {
      isRunning: false,
      findings: [{ level: 'warn', text, advice: 'start it: rollcall serve' }],
    }
  }
  const findings: Finding[] = [{ level: 'ok', text: `the server answers at ${server}` }]
  try {
    const status = await connect(command).get<StatusView>('/status')
    findings.push(
      { level: 'ok', text: 'the API token is valid' },
      ...inventory(status),
      ...secrets(status.secrets as SecretsStatus),
    )
  } catch (error) {
    const text = (error as Error).message
    findings.push({ level: 'warn', text, advice: 'the inventory was not looked at' })
  }
  return { isRunning: true, findings }
}
