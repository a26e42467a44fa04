import type { Command } from 'commander'
import type { MintedToken, TokenView } from '../serve/api/tokens.ts'
import { bootstrapTokenCommands } from './bootstrap-token.ts'
import { connect } from './connection.ts'
import { localTime, print, printJson, printList } from './table.ts'

export function tokenCommands(program: Command): void {
  const token = program
    .command('token')
    .description('API tokens: who may manage; and the bootstrap tokens of machines')

  token
    .command('create <name>')
    .description('make an API token; it is shown this once')
    .option('--json', 'as JSON')
    .action(async (name: string, options: { json?: true }, command: Command) => {
      const { body } = await connect(command).send<MintedToken>('POST', '/tokens', {
        json: { name },
      })
      if (options.json) printJson(body)
      else print(`${body.token}\n`)
    })

  token
    .command('list')
    .description('list the API tokens')
    .option('--json', 'as JSON')
    .action(async (options: { json?: true }, command: Command) => {
      const { tokens } = await connect(command).get<{ tokens: TokenView[] }>('/tokens')
      printList(tokens, options.json, {
        head: ['ID', 'NAME', 'CREATED'],
        row: ({ id, name, created }) => [id, name, localTime(created)],
        empty: 'no tokens',
      })
    })

  token
    .command('revoke <id>')
    .description('revoke an API token')
    .action(async (id: string, _: unknown, command: Command) => {
      await connect(command).send('DELETE', `/tokens/${encodeURIComponent(id)}`)
      print(`token ${id} revoked\n`)
    })

  bootstrapTokenCommands(token)
}
