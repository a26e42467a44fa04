import { createSocket } from 'node:dgram'
import { accessSync, constants, existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { Config } from '../config.ts'
import type { Firmware } from '../core/boot-file.ts'
import type { SecretsStatus } from '../serve/token-keeper.ts'
import type { Segment } from '../serve/segments.ts'
import type { Parsed } from '../values/parse.ts'

/** One line of the doctor's report. */
export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  readonly text: string
  /** What to do about it. */
  readonly advice?: string
}

const ok = (text: string): Finding => ({ level: 'ok', text })
const warn = (text: string, advice: string): Finding => ({ level: 'warn', text, advice })
const fail = (text: string, advice: string): Finding => ({ level: 'fail', text, advice })

/** @param running like `24.21.0` @param wanted like `>=24.15` */
export function nodeVersion(running: string, wanted: string): Finding {
  const numbers = (text: string) =>
    text
      .replace(/^[^\d]*/, '')
      .split('.')
      .map(Number)
  const [major = 0, minor = 0] = numbers(running)
  const [needMajor = 0, needMinor = 0] = numbers(wanted)
  return major > needMajor || (major === needMajor && minor >= needMinor)
    ? ok(`Node.js ${running}`)
    : fail(`Node.js ${running} is too old`, `run it through npm, which brings Node.js ${wanted}`)
}

/** Each interface, and the IPv4 address on it that rollcall would answer from. */
export const interfaces = (found: readonly Parsed<Segment>[]): readonly Finding[] =>
  found.map((segment) =>
    segment.ok
      ? ok(`interface ${segment.value.interface} has ${segment.value.address}`)
      : fail(segment.problem, 'put it right, or name another under interfaces'),
  )

/** Which firmware can be booted with the iPXE files of this host. What is not there is told once. */
export function bootFiles(firmware: Firmware, directories: readonly string[]): readonly Finding[] {
  const pathOf = (names: readonly string[]): string | undefined =>
    names
      .flatMap((name) => directories.map((directory) => join(directory, name)))
      .find((path) => existsSync(path))
  const findings: Finding[] = []
  const missing: string[] = []
  for (const { name, tftp, http } of firmware.families) {
    const found = [...new Set([pathOf(tftp), pathOf(http)])].filter((path) => path !== undefined)
    if (found.length > 0) findings.push(ok(`iPXE for ${name}: ${found.join(', ')}`))
    else missing.push(`${name} (${[...new Set([...tftp, ...http])].join(', ')})`)
  }
  if (missing.length === 0) return findings
  const advice =
    findings.length === 0
      ? 'install the package ipxe, or name its folder in bootFiles.directories'
      : "leave it if no such machine boots here (Debian's ipxe has none for arm64 before trixie); " +
        'otherwise put the file into one of these folders'
  return [
    ...findings,
    warn(`no iPXE in ${directories.join(', ')} for ${missing.join(', ')}`, advice),
  ]
}

/** Whether the server can keep its state there, and nobody else can read it. */
export function stateDir(path: string): readonly Finding[] {
  const open = openToAll(path)
  if (open.length === 0) return [writable(path)]
  const text = `everybody on this host can read ${open.join(', ')} in stateDir ${path}`
  return [writable(path), fail(text, `chmod 700 ${path}`)]
}

/** The files that others can read: the database, its -wal, the token. Others need x on the folder too. */
function openToAll(path: string): readonly string[] {
  const isOpen = (file: string, bit: number) => (statSync(file).mode & bit) !== 0
  try {
    if (!isOpen(path, constants.S_IXOTH)) return []
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isFile() && isOpen(join(path, entry.name), constants.S_IROTH))
      .map(({ name }) => name)
      .sort()
  } catch {
    return [] // It is not there yet, or not for us to see.
  }
}

function writable(path: string): Finding {
  let existing = path
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
  try {
    accessSync(existing, constants.W_OK | constants.X_OK)
  } catch {
    return fail(
      `stateDir ${path} cannot be written`,
      existing === path
        ? 'give it to the user who runs rollcall'
        : `make it: ${existing} is not ours`,
    )
  }
  return ok(`stateDir ${path} ${existing === path ? 'can be written' : 'can be made'}`)
}

export interface Port {
  readonly what: string
  readonly protocol: 'udp' | 'tcp'
  readonly address: string
  readonly port: number
}

/** The ports that this configuration opens. */
export function portsOf(config: Config, found: readonly Parsed<Segment>[]): readonly Port[] {
  const addresses = found.flatMap((segment) => (segment.ok ? [segment.value.address] : []))
  const { dhcp, tftp, http, management } = config
  return [
    // Broadcasts are received on any address, so any other listener on that port is in the way.
    ...(dhcp.enabled
      ? [{ what: 'DHCP', protocol: 'udp' as const, address: '0.0.0.0', port: dhcp.port }]
      : []),
    ...addresses.flatMap((address) => [
      ...(tftp.enabled
        ? [{ what: 'TFTP', protocol: 'udp' as const, address, port: tftp.port }]
        : []),
      { what: 'provisioning HTTP', protocol: 'tcp' as const, address, port: http.port },
    ]),
    { what: 'management', protocol: 'tcp', ...management },
  ]
}

/** @param isOurs whether it is a running rollcall that has the ports */
export async function portFree(port: Port, isOurs: boolean): Promise<Finding> {
  const name = `${port.what} port ${port.port}/${port.protocol} on ${port.address}`
  const code = await bindError(port)
  if (code === undefined) return ok(`${name} is free`)
  if (code === 'EADDRINUSE' && isOurs) return ok(`${name} is in use, and rollcall is running`)
  if (code === 'EADDRINUSE') {
    const flag = port.protocol === 'udp' ? 'u' : 't'
    return fail(`${name} is in use`, `ss -l${flag}np 'sport = :${port.port}' shows by what`)
  }
  if (code === 'EACCES') {
    const advice = 'run it as root, or with CAP_NET_BIND_SERVICE, and CAP_NET_RAW as well for DHCP'
    return fail(`${name} is privileged`, advice)
  }
  return fail(`${name} cannot be opened: ${code}`, 'look at the address and the interface')
}

function bindError({ protocol, address, port }: Port): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)
  if (protocol === 'udp') {
    const socket = createSocket('udp4').once('error', failed)
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(undefined)))
  } else {
    const server = createServer().once('error', failed)
    server.listen({ host: address, port, exclusive: true }, () =>
      server.close(() => resolve(undefined)),
    )
  }
  return promise
}

/** What `package.json` says of Node.js. */
export function wantedNode(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly engines: { readonly node: string } }).engines.node
}

/** Whether the bootstrap tokens that are kept can be opened. */
export function secrets({ state, sealed, problem = '' }: SecretsStatus): readonly Finding[] {
  switch (state) {
    case 'none':
      return []
    case 'ok':
      return [ok(`${sealed} secret(s) at rest, all of them open`)]
    case 'no-key':
      return [fail(problem, 'give back the key file, or set the tokens again under a new one')]
    case 'wrong-key':
      return [fail(problem, 'until then those machines join with no token')]
  }
}

/** What a running server still lacks before a machine can boot. */
export function inventory(status: {
  readonly machines: number
  readonly subnets: number
  readonly defaultImage?: string | undefined
}): readonly Finding[] {
  return [
    status.subnets > 0
      ? ok(`${status.subnets} subnet(s)`)
      : warn('no subnet', 'no machine gets an address: rollcall subnet add NAME --network CIDR'),
    status.machines > 0
      ? ok(`${status.machines} machine(s)`)
      : warn('no machine', 'nobody gets a name: rollcall machine add NAME --mac MAC'),
    status.defaultImage === undefined
      ? warn('no image', 'no machine can boot: rollcall image import DIR')
      : ok(`image ${status.defaultImage} is the default`),
  ]
}
