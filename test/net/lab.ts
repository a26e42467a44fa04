import { existsSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { run, start, type Output, type Running, type RunOptions } from './lab-process.ts'
import { tool } from './lab-tools.ts'

/** A network namespace of a test. Device names inside it are free: eth0 in each is fine. */
export interface Namespace {
  /** As `ip netns` knows it. */
  readonly name: string
  /** Runs a program in it to its end. */
  readonly exec: (argv: readonly string[], options?: RunOptions) => Promise<Output>
  /** Starts a program in it; `lab.close()` kills it if nobody did. */
  readonly start: (
    name: string,
    argv: readonly string[],
    options?: Pick<RunOptions, 'env' | 'cwd'>,
  ) => Running
  /** The command line of a program in it, for those who start it themselves. */
  readonly argv: (argv: readonly string[]) => string[]
  /** `ip <words>` in it. */
  readonly ip: (words: string) => Promise<Output>
}

export interface Lab {
  readonly namespace: (name: string) => Promise<Namespace>
  /** A cable between two namespaces; both ends are up. */
  readonly veth: (a: CableEnd, b: CableEnd) => Promise<void>
  /** Runs at `close()`, last added first. */
  readonly onClose: (task: () => Promise<unknown> | void) => void
  readonly close: () => Promise<void>
}

export interface CableEnd {
  readonly ns: Namespace
  readonly device: string
  readonly mac?: string
  /** Put the end into this bridge of its namespace. */
  readonly bridge?: string
}

/** The pid in the name tells later runs whether the owner still lives. */
const ours = /^rclab-(\d+)-/

export async function createLab(): Promise<Lab> {
  if (process.getuid?.() !== 0) {
    throw new Error('these tests make network namespaces: run them as root')
  }
  await sweep()
  const prefix = `rclab-${process.pid}-${randomBytes(2).toString('hex')}`
  const tasks: (() => Promise<unknown> | void)[] = []

  const namespace = async (short: string): Promise<Namespace> => {
    const name = `${prefix}-${short}`
    await run([tool('ip'), 'netns', 'add', name])
    tasks.push(() => removeNamespace(name))
    const argv = (words: readonly string[]): string[] => [
      tool('ip'),
      'netns',
      'exec',
      name,
      ...words,
    ]
    const ns: Namespace = {
      name,
      argv,
      exec: (words, options) => run(argv(words), options),
      start: (title, words, options) => {
        const running = start(title, argv(words), options)
        tasks.push(() => running.stop('SIGKILL'))
        return running
      },
      ip: (words) => run([tool('ip'), '-n', name, ...words.split(' ')]),
    }
    await ns.ip('link set lo up')
    return ns
  }

  const veth = async (a: CableEnd, b: CableEnd): Promise<void> => {
    const end = (side: CableEnd): string =>
      `${side.device} netns ${side.ns.name}${side.mac === undefined ? '' : ` address ${side.mac}`}`
    await run([tool('ip'), ...`link add ${end(a)} type veth peer ${end(b)}`.split(' ')])
    for (const side of [a, b]) {
      if (side.bridge !== undefined) {
        await side.ns.ip(`link set ${side.device} master ${side.bridge}`)
      }
      await side.ns.ip(`link set ${side.device} up`)
    }
  }

  const close = async (): Promise<void> => {
    const failures: unknown[] = []
    for (const task of tasks.splice(0).reverse()) {
      try {
        await task()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'the lab was not taken down whole')
  }

  return { namespace, veth, onClose: (task) => tasks.push(task), close }
}

/** A bridge that forwards at once; without these three a first DHCP packet may be lost. */
export async function addBridge(ns: Namespace, device: string, address?: string): Promise<void> {
  await ns.ip(`link add ${device} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`)
  await ns.ip(`link set ${device} up`)
  if (address !== undefined) await ns.ip(`address add ${address} dev ${device}`)
}

/** A tap for one network card of a virtual machine, plugged into a bridge or into nothing. */
export async function addTap(ns: Namespace, device: string, bridge?: string): Promise<void> {
  await ns.ip(`tuntap add ${device} mode tap`)
  if (bridge !== undefined) await ns.ip(`link set ${device} master ${bridge}`)
  await ns.ip(`link set ${device} up`)
}

/**
 * Sends router advertisements on a segment. Debian's iPXE waits 13 to 16 s per stage for one; with
 * this it goes on at once. Only to save time: nothing of ours depends on it.
 */
export async function advertiseRouter(ns: Namespace, device: string): Promise<Running> {
  await ns.ip(`address add fd00:7:7::1/64 dev ${device} nodad`)
  const running = ns.start('dnsmasq (router advertisements)', [
    tool('dnsmasq'),
    ...['--no-daemon', '--conf-file=/dev/null', '--port=0', '--user=root', '--log-dhcp'],
    ...[`--interface=${device}`, '--enable-ra', '--dhcp-range=fd00:7:7::,ra-only'],
    ...[`--ra-param=${device},high,10,0`, '--pid-file='],
  ])
  await running.waitFor(/router advertisement on fd00/, 10)
  return running
}

async function removeNamespace(name: string): Promise<void> {
  const { stdout } = await run([tool('ip'), 'netns', 'pids', name], { anyExit: true })
  for (const pid of stdout.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It ended by itself in between.
    }
  }
  await run([tool('ip'), 'netns', 'delete', name], { anyExit: true })
}

/** Removes what runs that crashed have left: namespaces with our prefix whose owner is gone. */
async function sweep(): Promise<void> {
  const { stdout } = await run([tool('ip'), 'netns', 'list'])
  for (const line of stdout.split('\n')) {
    const name = line.split(' ')[0] ?? ''
    const pid = ours.exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await removeNamespace(name)
  }
}
