import { Command, CommanderError } from 'commander'
import { ApiError, Unreachable } from './client.ts'
import { version } from '../version.ts'
import { CliError } from './error.ts'

type AddVerb = (program: Command) => void

/** Every verb adds itself to the program. Help lists them in this order. */
const verbs: Readonly<Record<string, () => Promise<AddVerb>>> = {
  demo: async () => (await import('./demo.ts')).demoCommand,
  serve: async () => (await import('./serve.ts')).serveCommand,
  'check-config': async () => (await import('./check-config.ts')).checkConfigCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  machine: async () => (await import('./machine.ts')).machineCommands,
  subnet: async () => (await import('./subnet.ts')).subnetCommands,
  image: async () => (await import('./image.ts')).imageCommands,
  boot: async () => (await import('./boot.ts')).bootCommands,
  lease: async () => (await import('./lease.ts')).leaseCommands,
  cluster: async () => (await import('./cluster.ts')).clusterCommands,
  audit: async () => (await import('./audit.ts')).auditCommand,
  key: async () => (await import('./key.ts')).keyCommands,
  token: async () => (await import('./token.ts')).tokenCommands,
}

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
    const asked = withHelpLast(argv)
    await (await program(asked)).parseAsync(asked)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!isExpected(error)) throw error
    process.stderr.write(`rollcall: ${error.message}\n`)
    return 1
  }
}

/** commander's own `help` looks one word deep; `help machine add` is `machine add --help`. */
const withHelpLast = (argv: readonly string[]): readonly string[] =>
  argv[2] === 'help' ? [...argv.slice(0, 2), ...argv.slice(3), '--help'] : argv

/** What the user can put right is told in a line; a bug keeps its stack trace. */
function isExpected(error: unknown): error is Error {
  const kinds = [ApiError, Unreachable, CliError]
  // A port in use, a file without permission: the system's own words say it.
  return (
    kinds.some((kind) => error instanceof kind) || (error instanceof Error && 'syscall' in error)
  )
}

async function program(argv: readonly string[]): Promise<Command> {
  const command = new Command('rollcall')
    .description('netboots one prebuilt image and gives every machine its own name')
    .version(version())
    .option('--server <url>', 'the management API (ROLLCALL_SERVER; default http://127.0.0.1:8470)')
    .option('--token-file <file>', 'holds the API token (ROLLCALL_TOKEN_FILE, ROLLCALL_TOKEN)')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(rollcall --help shows how)')
    .exitOverride()
  for (const load of verbsFor(argv)) (await load())(command)
  return command
}

/** The server's modules take longer to load than most commands to run: only what is named is loaded. */
function verbsFor(argv: readonly string[]) {
  const named = Object.keys(verbs).filter((verb) => argv.includes(verb))
  return Object.entries(verbs)
    .filter(([verb]) => named.length === 0 || named.includes(verb))
    .map(([, load]) => load)
}
