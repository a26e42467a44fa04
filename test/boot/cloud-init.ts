import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab, Namespace } from '../net/lab.ts'
import { tool } from '../net/lab-tools.ts'
import { bridge, serverAddress, type Segment } from './segment.ts'

/** A computer with one network card on the segment, as far as cloud-init can see. */
export interface Node {
  readonly ns: Namespace
  readonly mac: string
  /** What it has changed on its system lasts as long as the test, over any number of boots. */
  readonly disk: string
}

export interface CloudInitOutcome {
  /** The kernel's hostname when all was over. */
  readonly hostname: string
  /** `cloud-init status --format json`. */
  readonly status: { readonly status: string; readonly errors: readonly string[] }
  readonly datasource: string
  readonly instance: string
  /** The exit code of each stage, with its command. */
  readonly steps: readonly string[]
  readonly log: string
}

export interface CloudInitBoot {
  /** What cloud-init has logged so far. */
  readonly log: () => string
  /** Waits until its log matches. */
  readonly waitForLog: (pattern: RegExp, seconds: number) => Promise<void>
  readonly outcome: () => Promise<CloudInitOutcome>
}

export async function addNode(segment: Segment, name: string, mac: string): Promise<Node> {
  const { lab } = segment
  const ns = await lab.namespace(name)
  const port = { ns: segment.ns, device: `to-${name}`, bridge }
  await lab.veth({ ns, device: 'eth0', mac }, port)
  return { ns, mac, disk: temporaryFolder(lab, 'disk') }
}

/** Options 60, 77 and 93 (architecture, BIOS) as iPXE sends them. */
const asIpxe = ['-V', 'PXEClient:Arch:00000:UNDI:002001', '-x', '0x4d:69505845', '-x', '0x5d:0000']

/**
 * What happens before and while Linux starts: iPXE gets an address and the boot script, the system
 * gets an address. Gives the kernel command line of the script, with this boot's own seed in it.
 */
export async function netboot({ ns, mac }: Node): Promise<string> {
  const dhcp = [
    ...[tool('udhcpc'), '-i', 'eth0', '-n', '-q', '-t', '10', '-T', '1'],
    ...['-s', join(import.meta.dirname, 'images', 'tiny', 'bound')],
  ]
  await ns.exec([...dhcp, ...asIpxe])
  const url = `http://${serverAddress}:8080/boot/${mac.replaceAll(':', '-')}.ipxe`
  const { stdout } = await ns.exec([tool('curl'), '--silent', '--fail', '--max-time', '10', url])
  const found = /^set command-line (.*)$/m.exec(stdout)?.[1]
  if (found === undefined) throw new Error(`the boot script has no command line:\n${stdout}`)
  await ns.exec(dhcp)
  return found
}

/** Starts Debian's cloud-init on the node, from the first stage on. */
export function startCloudInit(segment: Segment, node: Node, commandLine: string): CloudInitBoot {
  const report = temporaryFolder(segment.lab, 'report')
  const log = (): string => readIfThere(join(node.disk, 'upper/var/log/cloud-init.log'))
  const running = node.ns.start(`cloud-init on ${node.mac}`, [
    ...[tool('unshare'), '--mount', '--uts', '--pid', '--ipc', '--fork', '--kill-child'],
    ...['sh', join(import.meta.dirname, 'cloud-init.sh')],
    ...[segment.image.root, node.disk, report, commandLine],
  ])

  const waitForLog = async (pattern: RegExp, seconds: number): Promise<void> => {
    for (let left = seconds * 10; left > 0 && !running.hasExited(); left--) {
      if (pattern.test(log())) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`cloud-init's log has no ${String(pattern)}:\n${log().slice(-3000)}`)
  }

  const outcome = async (): Promise<CloudInitOutcome> => {
    const code = await running.exited
    const read = (file: string): string => readIfThere(join(report, file)).trim()
    if (code !== 0) {
      throw new Error(`cloud-init.sh ended with ${code}:\n${running.tail()}\n${read('output')}`)
    }
    return {
      hostname: read('hostname'),
      status: JSON.parse(read('status.json')),
      datasource: read('datasource'),
      instance: read('instance'),
      steps: read('steps').split('\n'),
      log: read('log'),
    }
  }

  return { log, waitForLog, outcome }
}

/** A whole boot: netboot, then cloud-init to its end. */
export const bootNode = async (segment: Segment, node: Node): Promise<CloudInitOutcome> =>
  startCloudInit(segment, node, await netboot(node)).outcome()

/** A file that cloud-init has written on the node's disk; undefined if there is none. */
export function fileOn(node: Node, path: string): string | undefined {
  const real = join(node.disk, 'upper', path)
  return existsSync(real) ? readFileSync(real, 'utf8') : undefined
}

/** On a tmpfs where there is one: an overlay cannot lie on another, as in a container's /tmp. */
function temporaryFolder(lab: Lab, name: string): string {
  const shared = '/dev/shm'
  const parent = existsSync(shared) ? shared : tmpdir()
  const folder = mkdtempSync(join(parent, `rollcall-${name}-`))
  lab.onClose(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')
