import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { clusterSchema, joinSchema, network } from './config-join.ts'

const port = z.int().min(0).max(65_535)

/** Where distributions keep iPXE: Debian and Ubuntu, Fedora, Arch, NixOS's server module's own. */
const iPxeDirectories = ['/usr/lib/ipxe', '/usr/share/ipxe', '/usr/share/ipxe/x86_64']

/** The whole configuration. Every key may be left out; a key that is not here is an error. */
const keys = z.strictObject({
  stateDir: z.string().min(1).default(defaultStateDir).meta({
    description: 'The database, the images and the first API token live here.',
  }),
  interfaces: z.array(z.string().min(1)).min(1).default(['lo']).meta({
    description:
      'Network interfaces on which machines live. Naming a real one makes rollcall answer DHCP there.',
  }),
  dhcp: z
    .strictObject({
      enabled: z.boolean().default(true),
      port: port.optional(),
      relays: z.array(network).optional(),
    })
    .prefault({})
    .meta({ description: 'Port 67, or 6767 where the only interface is lo.' }),
  tftp: z
    .strictObject({ enabled: z.boolean().default(true), port: port.optional() })
    .prefault({})
    .meta({ description: 'Port 69, or 6969 where the only interface is lo.' }),
  http: z
    .strictObject({ port: port.default(8080), trustedProxies: z.array(network).default([]) })
    .prefault({})
    .meta({ description: 'The provisioning listener: boot scripts, images, seeds.' }),
  management: z
    .strictObject({
      address: z.ipv4().default('127.0.0.1'),
      port: port.default(8470),
    })
    .prefault({})
    .meta({ description: 'The listener of the API.' }),
  cluster: clusterSchema.optional().meta({
    description: 'The API server that machines join, and the file with the CA that signs for it.',
  }),
  join: joinSchema.meta({
    description: 'Which machines get a bootstrap token, from where, and on what evidence.',
  }),
  secrets: z
    .strictObject({
      keyFile: z.string().min(1).optional(),
      previousKeyFiles: z.array(z.string().min(1)).default([]),
    })
    .prefault({})
    .meta({
      description:
        'The key that tokens at rest are sealed under. Default: the systemd credential rollcall-key.',
    }),
  bootFiles: z
    .strictObject({ directories: z.array(z.string().min(1)).default(iPxeDirectories) })
    .prefault({})
    .meta({ description: 'Where to look for the iPXE binaries that netboot/firmware.json names.' }),
  timeline: z
    .strictObject({ keepBoots: z.int().min(1).max(10_000).default(20) })
    .prefault({})
    .meta({ description: 'How many boots of each machine are remembered.' }),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      format: z.enum(['json', 'pretty']).optional(),
    })
    .prefault({})
    .meta({ description: 'Format: pretty on a terminal, json elsewhere, unless said otherwise.' }),
})

/** What no single key can see. */
const schema = keys.superRefine(({ join, cluster }, context) => {
  const group = join.groups.find(({ token }) => token !== 'none')
  if (group === undefined || cluster !== undefined) return
  const message = `is missing: group '${group.name}' has tokens, and a token needs a cluster`
  context.addIssue({ code: 'custom', path: ['cluster'], message })
})

export type Config = ReturnType<typeof complete>

/** The configuration says something that cannot be: the message names the file, the key and the reason. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * @param path a YAML file; without one everything has its default, and nothing leaves loopback
 * @throws ConfigError
 */
export function loadConfig(path: string | undefined): Config {
  if (path === undefined) return parseConfig('', 'the default configuration')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`)
  }
  return parseConfig(text, path)
}

/** @throws ConfigError with one line for each thing that is wrong */
export function parseConfig(text: string, name: string): Config {
  const document = parseDocument(text)
  const [first] = document.errors
  if (first) throw new ConfigError(`${name} is not YAML: ${first.message}`)
  const parsed = schema.safeParse(document.toJS() ?? {})
  if (parsed.success) return complete(parsed.data)
  const lines = parsed.error.issues.map(
    (issue) =>
      `${name}: ${issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''}${issue.message}`,
  )
  throw new ConfigError(lines.join('\n'))
}

/** High ports on loopback, so that trying it needs no root; the well-known ones for real machines. */
function complete(given: z.infer<typeof schema>) {
  const loopbackOnly = given.interfaces.every((name) => name === 'lo')
  return {
    ...given,
    stateDir: resolve(given.stateDir),
    dhcp: { ...given.dhcp, port: given.dhcp.port ?? (loopbackOnly ? 6767 : 67) },
    tftp: { ...given.tftp, port: given.tftp.port ?? (loopbackOnly ? 6969 : 69) },
  }
}

/** systemd's StateDirectory= first; then the XDG place of a user who tries it. */
function defaultStateDir(): string {
  const { STATE_DIRECTORY, XDG_STATE_HOME } = process.env
  return STATE_DIRECTORY ?? join(XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'rollcall')
}
