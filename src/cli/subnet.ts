import type { Command } from 'commander'
import type { SubnetView } from '../serve/api/schema-subnet.ts'
import { connect } from './connection.ts'
import { collect, wholeNumber } from './options.ts'
import { print, printFields, printJson, printList } from './table.ts'

interface AddOptions {
  readonly network: string
  readonly pool?: readonly string[]
  readonly router?: string
  readonly dns?: readonly string[]
  readonly domain?: string
  readonly ntp?: readonly string[]
  readonly leaseTime?: number
  readonly unregistered?: string
}

const pathOf = (name: string): string => `/subnets/${encodeURIComponent(name)}`

export function subnetCommands(program: Command): void {
  const subnet = program.command('subnet').description('the networks that machines live in')

  subnet
    .command('add <name>')
    .alias('put')
    .description('add a subnet, or replace one')
    .requiredOption('--network <cidr>', 'like 192.0.2.0/24')
    .option(
      '--pool <range>',
      'addresses for machines without one of their own; repeatable',
      collect,
    )
    .option('--router <address>', 'the default gateway')
    .option('--dns <address>', 'a name server; repeatable', collect)
    .option('--domain <name>', 'the DNS domain')
    .option('--ntp <address>', 'a time server; repeatable', collect)
    .option('--lease-time <seconds>', 'default 3600', wholeNumber)
    .option('--unregistered <serve|ignore>', 'whether unknown MACs get an address (default ignore)')
    .action(async (name: string, options: AddOptions, command: Command) => {
      const { pool, ...rest } = options
      const fields = { ...rest, ...(pool === undefined ? {} : { pools: pool }) }
      const { status } = await connect(command).send('PUT', pathOf(name), { json: fields })
      print(`subnet ${name} ${status === 201 ? 'added' : 'is as given'}\n`)
    })

  subnet
    .command('list')
    .description('list the subnets')
    .option('--json', 'as JSON')
    .action(async (options: { json?: true }, command: Command) => {
      const { subnets } = await connect(command).get<{ subnets: SubnetView[] }>('/subnets')
      printList(subnets, options.json, {
        head: ['NAME', 'NETWORK', 'POOLS', 'ROUTER', 'UNREGISTERED'],
        row: (each) => [
          each.name,
          each.network,
          each.pools.join(', ') || '-',
          each.router ?? '-',
          each.unregistered,
        ],
        empty: 'no subnet yet: rollcall subnet add NAME --network CIDR adds one',
      })
    })

  subnet
    .command('show <name>')
    .description('show one subnet')
    .option('--json', 'as JSON')
    .action(async (name: string, options: { json?: true }, command: Command) => {
      const found = await connect(command).get<SubnetView>(pathOf(name))
      if (options.json) return printJson(found)
      printFields({
        name: found.name,
        network: found.network,
        pools: found.pools.join('\n'),
        router: found.router,
        dns: found.dns.join(', '),
        domain: found.domain,
        ntp: found.ntp.join(', '),
        'lease time': `${found.leaseTime} s`,
        unregistered: found.unregistered,
      })
    })

  subnet
    .command('remove <name>')
    .description('remove a subnet and its leases')
    .action(async (name: string, _: unknown, command: Command) => {
      await connect(command).send('DELETE', pathOf(name))
      print(`subnet ${name} removed\n`)
    })
}
