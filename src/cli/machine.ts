import type { Command } from 'commander'
import type { LeaseView } from '../serve/api/leases.ts'
import type { StrangerView } from '../serve/api/unregistered.ts'
import type { MachineView } from '../serve/api/schema-machine.ts'
import { ApiError, type ApiClient } from './client.ts'
import { connect } from './connection.ts'
import { CliError } from './error.ts'
import { machineImportCommand } from './machine-import.ts'
import { collect, collectLabel, readText } from './options.ts'
import { localTime, print, printFields, printJson, printList } from './table.ts'

interface Fields {
  readonly mac?: readonly string[]
  readonly address?: string | false
  readonly serial?: string | false
  readonly uuid?: string | false
  readonly label?: Readonly<Record<string, string | undefined>>
  readonly cloudConfig?: string | false
}

export const pathOf = (name: string): string => `/machines/${encodeURIComponent(name)}`

export function machineCommands(program: Command): void {
  const machine = program.command('machine').description('the machines of the inventory')

  machine
    .command('list')
    .description('list the machines')
    .option('--label <key=value>', 'only those with this label; repeatable', collect)
    .option('--json', 'as JSON')
    .action(async (options: { label?: readonly string[]; json?: true }, command: Command) => {
      const query = new URLSearchParams()
      for (const label of options.label ?? []) query.append('label', label)
      const { machines } = await connect(command).get<{ machines: MachineView[] }>(
        `/machines?${query.toString()}`,
      )
      printList(machines, options.json, {
        head: ['HOSTNAME', 'MACS', 'ADDRESS', 'LABELS'],
        row: (each) => [
          each.hostname,
          each.macs.join(', '),
          each.address ?? '-',
          labelText(each.labels, ', '),
        ],
        empty: 'no machine yet: rollcall machine add NAME --mac MAC adds one',
      })
    })

  machine
    .command('show <machine>')
    .description('show one machine, by hostname or MAC')
    .option('--json', 'as JSON')
    .action(async (name: string, options: { json?: true }, command: Command) => {
      const found = await connect(command).get<MachineView>(pathOf(name))
      if (options.json) return printJson(found)
      printFields({
        hostname: found.hostname,
        id: found.id,
        macs: found.macs.join('\n'),
        address: found.address,
        serial: found.serial,
        uuid: found.uuid,
        labels: labelText(found.labels, '\n'),
        'cloud-config': found.cloudConfig,
        created: localTime(found.created),
        updated: `${localTime(found.updated)} (version ${found.version})`,
      })
    })

  withFields(machine.command('add <hostname>').description('add a machine'))
    .requiredOption('--mac <mac>', 'MAC of a network card; repeatable', collect)
    .action(async (hostname: string, options: Fields, command: Command) => {
      await add(connect(command), hostname, changed({ macs: [], labels: {} }, options))
      print(`machine ${hostname} added\n`)
    })

  withFields(machine.command('set <machine>').description('change a machine, by hostname or MAC'))
    .option('--hostname <name>', 'a new hostname')
    .option('--mac <mac>', 'its MACs from now on; repeatable', collect)
    .option('--no-address', 'reserve no address')
    .option('--no-serial', 'forget the serial number')
    .option('--no-uuid', 'forget the UUID')
    .option('--no-cloud-config', 'serve no cloud-config')
    .action(async (name: string, options: Fields & { hostname?: string }, command: Command) => {
      const client = connect(command)
      const current = await client.send<MachineView>('GET', pathOf(name))
      const {
        id: _id,
        version: _version,
        created: _created,
        updated: _updated,
        ...fields
      } = current.body
      const json = { ...changed(fields, options), hostname: options.hostname ?? fields.hostname }
      const headers = current.etag === undefined ? {} : { 'if-match': current.etag }
      const { body } = await client.send<MachineView>('PUT', pathOf(name), { json, headers })
      const same = body.version === current.body.version
      print(`machine ${body.hostname} ${same ? 'was like that already' : 'changed'}\n`)
    })

  machine
    .command('remove <machine>')
    .description('remove a machine, by hostname or MAC')
    .action(async (name: string, _: unknown, command: Command) => {
      const client = connect(command)
      const { macs } = await client.get<MachineView>(pathOf(name))
      await client.send('DELETE', pathOf(name))
      print(`machine ${name} removed\n`)
      for (const { address, mac, expires } of await heldBy(client, macs)) {
        print(
          `${mac} may use ${address} until ${localTime(expires)}, and nobody else gets it before; rollcall lease remove ${address} frees it now\n`,
        )
      }
    })

  machine
    .command('unregistered')
    .description('list the MACs that asked for something and that no machine has')
    .option('--json', 'as JSON')
    .action(async (options: { json?: true }, command: Command) => {
      const { unregistered } = await connect(command).get<{ unregistered: StrangerView[] }>(
        '/unregistered',
      )
      printList(unregistered, options.json, {
        head: ['MAC', 'LAST SEEN', 'SUBNET', 'ADDRESS', 'CLIENT', 'NOTE'],
        row: (each) => [
          each.mac,
          localTime(each.lastSeen),
          each.subnet ?? '-',
          each.address ?? '-',
          each.client ?? '-',
          each.noAddress === undefined ? '' : noAddress[each.noAddress],
        ],
        empty: 'nobody unknown has asked for anything',
      })
    })

  machineImportCommand(machine)
}

const noAddress: Readonly<Record<NonNullable<StrangerView['noAddress']>, string>> = {
  ignored: 'no address: its subnet ignores unknown MACs',
  'pool-empty': 'no address: its subnet has none free',
}

/** Leases outlive the machine's record: an address that is in use is not given away. */
async function heldBy(client: ApiClient, macs: readonly string[]): Promise<readonly LeaseView[]> {
  const { leases } = await client.get<{ leases: LeaseView[] }>('/leases')
  return leases.filter(({ mac, state }) => state === 'bound' && macs.includes(mac))
}

const withFields = (command: Command): Command =>
  command
    .option('--address <address>', 'the address reserved for it')
    .option('--label <key=value>', 'a label; repeatable; "key-" takes one away', collectLabel)
    .option('--serial <serial>', 'its serial number')
    .option('--uuid <uuid>', 'its SMBIOS UUID')
    .option('--cloud-config <file>', 'YAML that its cloud-init gets as user-data')

type MachineFields = Omit<MachineView, 'id' | 'hostname' | 'version' | 'created' | 'updated'>

/** An option that is not given changes nothing; one that is `false` takes its field away. */
function changed(fields: Partial<MachineFields>, options: Fields) {
  const cloudConfig = options.cloudConfig ? readText(options.cloudConfig) : options.cloudConfig
  const given = {
    address: options.address,
    serial: options.serial,
    uuid: options.uuid,
    cloudConfig,
  }
  const next: Record<string, unknown> = {
    ...fields,
    labels: { ...fields.labels, ...options.label },
  }
  if (options.mac !== undefined) next['macs'] = options.mac
  for (const [field, value] of Object.entries(given)) {
    if (value !== undefined) next[field] = value === false ? undefined : value
  }
  return next
}

/** Never over a machine that is there already. */
async function add(client: ApiClient, hostname: string, json: unknown): Promise<void> {
  try {
    await client.send('PUT', pathOf(hostname), { json, headers: { 'if-none-match': '*' } })
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 412)) throw error
    throw new CliError(
      `there is a machine '${hostname}' already: rollcall machine set ${hostname} changes it`,
    )
  }
}

const labelText = (labels: Readonly<Record<string, string>>, separator: string): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(separator)
