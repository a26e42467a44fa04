import type { Command } from 'commander'
import type { LeaseView } from '../serve/api/leases.ts'
import { connect } from './connection.ts'
import { localTime, print, printList } from './table.ts'

export function leaseCommands(program: Command): void {
  const lease = program.command('lease').description('the addresses that are in use')

  lease
    .command('list')
    .description('list the leases')
    .option('--subnet <name>', 'of one subnet only')
    .option('--json', 'as JSON')
    .action(async (options: { subnet?: string; json?: true }, command: Command) => {
      const query =
        options.subnet === undefined ? '' : `?subnet=${encodeURIComponent(options.subnet)}`
      const { leases } = await connect(command).get<{ leases: LeaseView[] }>(`/leases${query}`)
      printList(leases, options.json, {
        head: ['ADDRESS', 'MAC', 'MACHINE', 'SUBNET', 'STATE', 'EXPIRES'],
        row: (each) => [
          each.address,
          each.mac,
          each.machine ?? '-',
          each.subnet,
          each.state,
          localTime(each.expires),
        ],
        empty: 'no leases',
      })
    })

  lease
    .command('remove <address>')
    .description('forget a lease, so that others can have its address')
    .addHelpText(
      'after',
      `
The machine is not told, and may go on using the address until its lease ends: turn it off first,
or two machines may have the same address.`,
    )
    .action(async (address: string, _: unknown, command: Command) => {
      await connect(command).send('DELETE', `/leases/${encodeURIComponent(address)}`)
      print(`lease on ${address} removed\n`)
    })
}
