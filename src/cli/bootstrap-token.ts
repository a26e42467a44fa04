import { randomInt } from 'node:crypto'
import type { Command } from 'commander'
import { stringify } from 'yaml'
import type { GroupView } from '../serve/api/groups.ts'
import { connect } from './connection.ts'
import type { ApiClient } from './client.ts'
import { CliError } from './error.ts'
import { pathOf } from './machine.ts'
import { readText } from './options.ts'
import { print } from './table.ts'

interface Whose {
  readonly group?: string
}

/** Bootstrap tokens that people store: for a cluster that the server cannot reach. */
export function bootstrapTokenCommands(token: Command): void {
  token
    .command('set [machine]')
    .description("store a machine's or a group's bootstrap token; it cannot be read back")
    .option('--group <name>', 'for all machines of a group instead')
    .requiredOption('--from <file>', 'holds the token, like abcdef.0123456789abcdef; - for stdin')
    .option('--expires <duration>', "when the cluster's Secret expires, like 24h")
    .action(
      async (
        machine: string | undefined,
        options: Whose & { from: string; expires?: string },
        command: Command,
      ) => {
        // Not on the command line: everybody on this host can read those.
        const text = readText(options.from === '-' ? '/dev/stdin' : options.from).trim()
        const expires = options.expires === undefined ? {} : { expires: inFuture(options.expires) }
        const { body } = await connect(command).send<{ id: string }>(
          'PUT',
          tokenPath(machine, options),
          { json: { token: text, ...expires } },
        )
        print(`token ${body.id} stored for ${nameOf(machine, options)}\n`)
      },
    )

  token
    .command('unset [machine]')
    .description("forget a machine's or a group's bootstrap token")
    .option('--group <name>', 'of a group instead')
    .action(async (machine: string | undefined, options: Whose, command: Command) => {
      await connect(command).send('DELETE', tokenPath(machine, options))
      print(`the token of ${nameOf(machine, options)} is forgotten\n`)
    })

  token
    .command('manifest [machines...]')
    .description('make and store a bootstrap token a machine, and print the Secrets to apply')
    .option('--group <name>', 'for each machine of this group')
    .requiredOption('--expires <duration>', 'like 24h or 7d')
    .action(
      async (
        machines: readonly string[],
        options: Whose & { expires: string },
        command: Command,
      ) => {
        const client = connect(command)
        const names = await wanted(client, machines, options.group)
        const expires = inFuture(options.expires)
        const secrets: string[] = []
        for (const name of names) {
          const made = { id: letters(6), secret: letters(16) }
          const json = { token: `${made.id}.${made.secret}`, expires }
          await client.send('PUT', tokenPath(name, {}), { json })
          secrets.push(stringify(secretManifest({ ...made, name, expires }), { lineWidth: 0 }))
        }
        print(secrets.join('---\n'))
      },
    )
}

async function wanted(
  client: ApiClient,
  machines: readonly string[],
  group: string | undefined,
): Promise<readonly string[]> {
  if (group === undefined) {
    if (machines.length === 0) throw new CliError('name the machines, or give --group')
    return machines
  }
  const { groups } = await client.get<{ groups: GroupView[] }>('/groups')
  const found = groups.find(({ name }) => name === group)
  if (found === undefined) throw new CliError(`there is no group '${group}'`)
  return [...new Set([...found.machines, ...machines])]
}

/** Kubernetes, "Authenticating with Bootstrap Tokens": what `kubectl apply` takes. */
const secretManifest = (made: { id: string; secret: string; name: string; expires: string }) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'bootstrap.kubernetes.io/token',
  metadata: {
    name: `bootstrap-token-${made.id}`,
    namespace: 'kube-system',
    labels: { 'app.kubernetes.io/managed-by': 'rollcall' },
    annotations: { 'rollcall.dev/machine': made.name },
  },
  stringData: {
    'token-id': made.id,
    'token-secret': made.secret,
    expiration: made.expires,
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': 'system:bootstrappers:rollcall',
  },
})

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'
const letters = (count: number): string =>
  Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join('')

const units: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 }

/** @returns RFC 3339 in whole seconds */
function inFuture(duration: string): string {
  const [, number = '', unit = ''] = /^(\d{1,5})([mhd])$/.exec(duration) ?? []
  const length = Number(number) * (units[unit] ?? 0)
  if (length === 0) throw new CliError(`'${duration}' is no duration: write it like 90m, 24h or 7d`)
  const end = Math.floor(Date.now() / 1000) + length
  return new Date(end * 1000).toISOString().replace('.000', '')
}

function tokenPath(machine: string | undefined, { group }: Whose): string {
  if ((machine === undefined) === (group === undefined)) {
    throw new CliError('name a machine, or give --group')
  }
  return group === undefined
    ? `${pathOf(machine ?? '')}/token`
    : `/groups/${encodeURIComponent(group)}/token`
}

const nameOf = (machine: string | undefined, { group }: Whose): string =>
  group === undefined ? `${machine}` : `group ${group}`
