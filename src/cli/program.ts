import { Command } from 'commander'
import { serveCommand } from './serve.ts'

export async function run(argv: readonly string[]): Promise<number> {
  const program = new Command('rollcall').addCommand(serveCommand())
  await program.parseAsync(argv)
  return 0
}
