import type { Command } from 'commander'
import type { SubnetView } from '../serve/api/schema-subnet.ts'
import { ApiError, type ApiClient } from './client.ts'
import { connect } from './connection.ts'
import { CliError } from './error.ts'
import { collect, wholeNumber } from './options.ts'
import { print, printFields, printJson, printList } from './table.ts'

interface Fields {
  readonly network?: string
  readonly pool?: readonly string[] | false
  readonly router?: string | false
  readonly dns?: readonly string[] | false
  readonly domain?: string | false
  readonly ntp?: readonly string[] | false
  readonly leaseTime?: number
  readonly unregistered?: string
}

const pathOf = (name: string): string => `/subnets/${encodeURIComponent(name)}`

export function subnetCommands(program: Command): void {
  const subnet = program.command('subnet').description('the networks that machines live in')

  withFields(
    subnet
      .command('add <name>')
      .description('add a subnet')
      .requiredOption('--network <cidr>', 'like 192.0.2.0/24'),
    { leaseTime: '; default 3600', unregistered: '; default ignore' },
  ).action(async (name: string, options: Fields, command: Command) => {
    await add(connect(command), name, changed({}, options))
    print(`subnet ${name} added\n`)
  })

  withFields(
    subnet
      .command('set <name>')
      .description(
        'change a subnet; what is not given stays, and a list that is given is the whole list',
      )
      .option('--network <cidr>', 'another network'),
  )
    .option('--no-pool', 'only machines with an address of their own get one')
    .option('--no-router', 'name no default gateway')
    .option('--no-dns', 'name no name server')
    .option('--no-domain', 'name no DNS domain')
    .option('--no-ntp', 'name no time server')
    .action(async (name: string, options: Fields, command: Command) => {
      const client = connect(command)
      const current = await client.send<SubnetView>('GET', pathOf(name))
      const { name: _name, version, ...fields } = current.body
      const { body } = await client.send<SubnetView>('PUT', pathOf(name), {
        json: changed(fields, options),
        headers: current.etag === undefined ? {} : { 'if-match': current.etag },
      })
      print(`subnet ${name} ${body.version === version ? 'was like that already' : 'changed'}\n`)
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

const withFields = (command: Command, defaults = { leaseTime: '', unregistered: '' }): Command =>
  command
    .option(
      '--pool <range>',
      'addresses for machines without one of their own; repeatable',
      collect,
    )
    .option('--router <address>', 'the default gateway')
    .option('--dns <address>', 'a name server; repeatable', collect)
    .option('--domain <name>', 'the DNS domain')
    .option('--ntp <address>', 'a time server; repeatable', collect)
    .option('--lease-time <seconds>', `how long a lease is${defaults.leaseTime}`, wholeNumber)
    .option(
      '--unregistered <serve|ignore>',
      `whether unknown MACs get an address${defaults.unregistered}`,
    )

/** A list that is given replaces the one before; `false` empties its field. */
function changed(fields: Partial<SubnetView>, { pool, ...options }: Fields) {
  const next: Record<string, unknown> = { ...fields }
  for (const [field, value] of Object.entries({ ...options, pools: pool })) {
    if (value !== undefined) next[field] = value === false ? undefined : value
  }
  return next
}

/** Never over a subnet that is there already. */
async function add(client: ApiClient, name: string, json: unknown): Promise<void> {
  try {
    await client.send('PUT', pathOf(name), { json, headers: { 'if-none-match': '*' } })
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 412)) throw error
    throw new CliError(
      `there is a subnet '${name}' already: rollcall subnet set ${name} changes it`,
    )
  }
}
