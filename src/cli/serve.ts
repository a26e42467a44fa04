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
  process.umask(0o077) // what is written holds tokens and whatever is in cloud-config
  const daemon = await startDaemon(config, log)
  const signal = Promise.withResolvers<string>()
  process.once('SIGTERM', signal.resolve)
  process.once('SIGINT', signal.resolve)
  const reason = await Promise.race([signal.promise, daemon.broken])
  log.info(`${reason instanceof Error ? reason.message : reason}: finishing what is under way`)
  await daemon.stop()
  if (reason instanceof Error) throw reason
  log.info('stopped')
}

function makeLogger({ level, format }: Config['log']): Logger {
  const pretty = (format ?? (process.stdout.isTTY ? 'pretty' : 'json')) === 'pretty'
  const time = pino.stdTimeFunctions.isoTime
  if (!pretty) return pino({ level, base: null, timestamp: time })
  const options = { ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }
  return pino({ level, base: null, transport: { target: 'pino-pretty', options } })
}
