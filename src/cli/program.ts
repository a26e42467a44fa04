import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { bootCommands } from './boot.ts'
import { checkConfigCommand } from './check-config.ts'
import { ApiError, Unreachable } from './client.ts'
import { doctorCommand } from './doctor.ts'
import { CliError } from './error.ts'
import { imageCommands } from './image.ts'
import { leaseCommands } from './lease.ts'
import { machineCommands } from './machine.ts'
import { serveCommand } from './serve.ts'
import { subnetCommands } from './subnet.ts'
import { tokenCommands } from './token.ts'

/** Every verb adds itself to the program. */
const verbs = [
  serveCommand,
  checkConfigCommand,
  doctorCommand,
  machineCommands,
  subnetCommands,
  imageCommands,
  bootCommands,
  leaseCommands,
  tokenCommands,
] as const

/**
 * Runs one command line.
 * @returns the exit status: 1 when it could not be done, 2 when it was not understood
 */
export async function run(argv: readonly string[]): Promise<number> {
  // `rollcall machine list | head` closes our output early, which is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  try {
    await program().parseAsync(argv)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!isExpected(error)) throw error
    process.stderr.write(`rollcall: ${error.message}\n`)
    return 1
  }
}

/** What the user can put right is told in a line; a bug keeps its stack trace. */
function isExpected(error: unknown): error is Error {
  const kinds = [ApiError, Unreachable, CliError]
  // A port in use, a file without permission: the system's own words say it.
  return (
    kinds.some((kind) => error instanceof kind) || (error instanceof Error && 'syscall' in error)
  )
}

function program(): Command {
  const command = new Command('rollcall')
    .description('netboots one prebuilt image and gives every machine its own name')
    .version(version())
    .option('--server <url>', 'the management API (ROLLCALL_SERVER; default http://127.0.0.1:8470)')
    .option('--token-file <file>', 'holds the API token (ROLLCALL_TOKEN_FILE, ROLLCALL_TOKEN)')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(rollcall --help shows how)')
    .exitOverride()
  for (const add of verbs) add(command)
  return command
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
