import type { Command } from 'commander'
import { pino, type Logger } from 'pino'
import { loadConfig, type Config } from '../config.ts'
import { startDaemon } from '../daemon.ts'
import { CliError } from './error.ts'

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .description('run the server until SIGTERM or SIGINT')
    .option('--config <file>', 'YAML; without one everything stays on loopback')
    .action(async ({ config }: { readonly config?: string }) => {
      try {
        await serve(loadConfig(config))
      } catch (error) {
        // Whatever keeps a server from starting is for its admin to read, not for a debugger.
        throw error instanceof Error ? new CliError(error.message) : error
      }
    })
}

async function serve(config: Config): Promise<void> {
  const log = makeLogger(config.log)
  const daemon = await startDaemon(config, log)
  const stopped = new Promise<void>((resolve, reject) => {
    const stop = (signal: NodeJS.Signals): void => {
      log.info(`${signal}: finishing what is under way`)
      daemon.stop().then(resolve, reject)
    }
    process.once('SIGTERM', stop)
    process.once('SIGINT', stop)
  })
  await stopped
  log.info('stopped')
}

function makeLogger({ level, format }: Config['log']): Logger {
  const pretty = (format ?? (process.stdout.isTTY ? 'pretty' : 'json')) === 'pretty'
  const time = pino.stdTimeFunctions.isoTime
  if (!pretty) return pino({ level, base: null, timestamp: time })
  const options = { ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }
  return pino({ level, base: null, transport: { target: 'pino-pretty', options } })
}
