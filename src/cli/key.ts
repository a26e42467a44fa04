import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { print } from './table.ts'

export function keyCommands(program: Command): void {
  const key = program.command('key').description('the key that secrets at rest are sealed under')
  key
    .command('generate <file>')
    .description('make a key; never over a file that is there')
    .action((file: string) => {
      const text = `${randomBytes(32).toString('base64')}\n`
      // wx: a key that is lost takes with it all that was sealed under it.
      writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
      print(`a new key is in ${file}; name it in secrets.keyFile, and keep it out of backups\n`)
    })
}
