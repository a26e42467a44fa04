import { HttpFailure } from './http.ts'
import { integer, type IpxeSettings } from './ipxe-settings.ts'

/** What was fetched: a script to run, or something of which only the digest is kept. */
export interface Download {
  readonly sha256: string
  readonly bytes: number
  /** The text, if it begins with `#!ipxe`. */
  readonly script?: string
}

export interface IpxeImage extends Download {
  readonly uri: string
  readonly name: string
  readonly commandLine: string
}

export interface FetchHow {
  /** Which command wants it. */
  readonly command: string
  /** Milliseconds without an octet. */
  readonly idleMs: number | undefined
}

/** The machine below iPXE. */
export interface IpxeHost {
  readonly settings: IpxeSettings
  /** As iPXE names them. */
  readonly nics: readonly string[]
  /** Asks for an address on a NIC, and puts what it got into the settings. */
  dhcp(nic: string): Promise<boolean>
  /** @throws HttpFailure, and the command that wanted it fails */
  fetch(uri: string, how: FetchHow): Promise<Download>
  sleep(seconds: number): Promise<void>
  print(line: string): void
}

/** What a command does to the script that it stands in. */
export type Effect =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'goto'; readonly label: string }
  /** `chain --replace`: the other script takes over for good. */
  | { readonly kind: 'replace'; readonly script: string }
  | { readonly kind: 'call'; readonly script: string }
  | { readonly kind: 'boot'; readonly kernel: IpxeImage; readonly initrds: readonly IpxeImage[] }
  | { readonly kind: 'exit' }

/** A command of iPXE: which options it takes, how many arguments, what it does (hci/commands). */
interface Command {
  readonly flags?: readonly string[]
  readonly values?: readonly string[]
  readonly least: number
  readonly most: number
  readonly run: (call: Call, shell: Shell) => Effect | Promise<Effect>
}

interface Call {
  readonly command: string
  readonly args: readonly string[]
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
}

/** What outlives a script. */
export interface Shell {
  readonly host: IpxeHost
  /** By name, in the order in which they were fetched. */
  readonly images: Map<string, IpxeImage>
}

const done: Effect = { kind: 'done' }
const failed = (reason: string): Effect => ({ kind: 'failed', reason })
const succeedIf = (holds: boolean, reason: string): Effect => (holds ? done : failed(reason))

const imageOptions = { flags: ['quiet', 'autofree'], values: ['name', 'timeout'], least: 1 }

const fetchCommand: Command = {
  ...imageOptions,
  most: Infinity,
  async run(call, shell) {
    await acquire(call, shell)
    return done
  },
}

const execCommand: Command = {
  ...imageOptions,
  flags: ['quiet', 'autofree', 'replace'],
  most: Infinity,
  async run(call, shell) {
    const [uri = ''] = call.args
    const image = shell.images.get(uri) ?? (await acquire(call, shell))
    if (image.script !== undefined) {
      // core/image.c: an image that runs is not registered, or a script would be an initrd.
      shell.images.delete(image.name)
      return { kind: call.flags.has('replace') ? 'replace' : 'call', script: image.script }
    }
    const initrds = [...shell.images.values()].filter((each) => each !== image)
    return { kind: 'boot', kernel: image, initrds }
  },
}

/** The commands that rollcall's scripts use. Any other is not found, which is how a script breaks. */
const commands: Readonly<Record<string, Command>> = {
  echo: {
    flags: ['n'],
    least: 0,
    most: Infinity,
    run({ args }, { host }) {
      host.print(args.join(' '))
      return done
    },
  },
  set: {
    least: 1,
    most: Infinity,
    run: ({ args: [name = '', ...value] }, { host }) =>
      succeedIf(host.settings.set(name, value.join(' ')), `Could not store "${name}"`),
  },
  inc: {
    least: 1,
    most: 2,
    run({ args: [name = '', by = '1'] }, { host }) {
      const step = integer(by)
      if (step === undefined) return failed(`"${by}": invalid integer value`)
      return succeedIf(host.settings.increment(name, step), `Could not store "${name}"`)
    },
  },
  isset: {
    least: 1,
    most: 1,
    run: ({ args: [value = ''] }) => succeedIf(value !== '', 'is not set'),
  },
  iseq: {
    least: 2,
    most: 2,
    run: ({ args: [one, other] }) => succeedIf(one === other, `${one} is not ${other}`),
  },
  goto: {
    least: 1,
    most: 1,
    run: ({ args: [label = ''] }) => ({ kind: 'goto', label }),
  },
  sleep: {
    least: 1,
    most: 1,
    async run({ args: [text = ''] }, { host }) {
      const seconds = integer(text)
      if (seconds === undefined) return failed(`"${text}": invalid integer value`)
      await host.sleep(seconds)
      return done
    },
  },
  dhcp: { least: 0, most: Infinity, run: ifconf },
  ifconf: { values: ['configurator', 'timeout'], least: 0, most: Infinity, run: ifconf },
  ifclose: { least: 0, most: Infinity, run: () => done },
  imgfree: {
    least: 0,
    most: Infinity,
    run({ args }, { images }) {
      if (args.length === 0) images.clear()
      for (const name of args) images.delete(name)
      return done
    },
  },
  kernel: fetchCommand,
  initrd: fetchCommand,
  chain: execCommand,
  boot: execCommand,
  exit: { least: 0, most: 1, run: () => ({ kind: 'exit' }) },
}

/** hci/commands/ifmgmt_cmd.c; `dhcp` is its short form. A name without a NIC ends the command. */
async function ifconf({ args, values }: Call, { host }: Shell): Promise<Effect> {
  const configurator = values.get('configurator') ?? 'dhcp'
  if (configurator !== 'dhcp') return failed(`"${configurator}": no such configurator`)
  const stranger = args.find((nic) => !host.nics.includes(nic))
  if (stranger !== undefined) return failed(`"${stranger}": no such network interface`)
  const asked = args.length === 0 ? host.nics : args
  for (const nic of asked) if (await host.dhcp(nic)) return done
  return failed('No configuration methods succeeded')
}

/** @param argv expanded; the first is the command */
export async function runCommand(argv: readonly string[], shell: Shell): Promise<Effect> {
  const [name, ...rest] = argv
  if (name === undefined) return done
  const command = commands[name]
  if (command === undefined) return failed(`${name}: command not found`)
  const call = parseCall(name, rest, command)
  if (call === undefined) return failed(`${name}: wrong options or arguments`)
  try {
    return await command.run(call, shell)
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    return failed(`${name}: ${error.message}`)
  }
}

/** core/getopt.c: options end at the first word that is none. */
function parseCall(name: string, words: readonly string[], command: Command): Call | undefined {
  const flags = new Set<string>()
  const values = new Map<string, string>()
  let at = 0
  for (let word = words[at]; word !== undefined && /^--?[^-]/.test(word); word = words[at]) {
    at += 1
    const [option = '', inline] = word.replace(/^--?/, '').split('=', 2)
    const full = (known: readonly string[] = []): string | undefined =>
      known.find((each) => each === option || (word.length === 2 && each.startsWith(option)))
    const flag = full(command.flags)
    const valued = full(command.values)
    if (flag !== undefined) flags.add(flag)
    else if (valued !== undefined) values.set(valued, inline ?? words[at++] ?? '')
    else return undefined
  }
  const args = words.slice(at)
  const fits = args.length >= command.least && args.length <= command.most
  return fits ? { command: name, args, flags, values } : undefined
}

/** usr/imgmgmt.c: without --name an image is called like the last part of its path. */
async function acquire(call: Call, { host, images }: Shell): Promise<IpxeImage> {
  const { command, args, values } = call
  const [uri = '', ...words] = args
  const idleMs = integer(values.get('timeout') ?? '')
  const download = await host.fetch(uri, { command, idleMs })
  const lastPart =
    uri
      .replace(/[?#].*/, '')
      .split('/')
      .at(-1) ?? ''
  const name = values.get('name') ?? lastPart
  const image = { ...download, uri, name, commandLine: words.join(' ') }
  images.set(name, image)
  return image
}
