import type { Command } from 'commander'
import { ConfigError, loadConfig } from '../config.ts'
import { CliError } from './error.ts'
import { print } from './table.ts'

export function checkConfigCommand(program: Command): void {
  program
    .command('check-config <file>')
    .description('check a configuration file without starting anything')
    .action((file: string) => {
      try {
        loadConfig(file)
      } catch (error) {
        if (error instanceof ConfigError) throw new CliError(error.message)
        throw error
      }
      print(`${file} is valid\n`)
    })
}
