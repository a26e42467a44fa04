import { addBridge, advertiseRouter, createLab, type Lab, type Namespace } from '../net/lab.ts'
import { startRollcall, type Rollcall } from '../net/lab-rollcall.ts'
import { type Running } from '../net/lab-process.ts'
import { builtImage, type BuiltImage, type ImageName } from './images.ts'

/** What each boot test starts from: a segment with the server on it, and an image to boot. */
export interface Segment {
  readonly lab: Lab
  readonly ns: Namespace
  readonly rollcall: Rollcall
  readonly image: BuiltImage
}

export const bridge = 'br0'
/** The server's own address on the segment. */
export const serverAddress = '192.0.2.1'

type Config = Readonly<Record<string, unknown>>

/** @param config what a test wants of the server besides; a function can start what it needs first */
export async function makeSegment(
  imageName: ImageName,
  config: Config | ((lab: Lab, ns: Namespace) => Promise<Config>) = {},
): Promise<Segment> {
  const image = await builtImage(imageName)
  const lab = await createLab()
  try {
    const ns = await lab.namespace('server')
    await addBridge(ns, bridge, `${serverAddress}/24`)
    await advertiseRouter(ns, bridge)
    const more = typeof config === 'function' ? await config(lab, ns) : config
    const rollcall = await startRollcall(lab, ns, { interfaces: [bridge], ...more })
    await rollcall.api('PUT', '/api/v1/subnets/rack', {
      network: '192.0.2.0/24',
      pools: ['192.0.2.100-192.0.2.199'],
      router: serverAddress,
      leaseTime: 3600,
    })
    await rollcall.cli(['image', 'import', image.directory, '--default'])
    return { lab, ns, rollcall, image }
  } catch (error) {
    await lab.close()
    throw error
  }
}

export interface TimelineLine {
  readonly kind: string
  readonly text: string
  readonly details: Readonly<Record<string, string | number | boolean>>
}

export interface BootTimeline {
  readonly id: string
  readonly machine: string
  /** The card that it boots from. */
  readonly mac: string
  readonly stage: string
  readonly outcome: string
  readonly problem?: string
  readonly events: readonly TimelineLine[]
}

/** Every boot of a machine that the server knows of, oldest first, with its events. */
export async function timelines(
  rollcall: Rollcall,
  machine: string,
): Promise<readonly BootTimeline[]> {
  const { body } = await rollcall.api('GET', `/api/v1/boots?machine=${machine}`)
  const found: BootTimeline[] = []
  for (const { id } of body.boots.toReversed()) {
    found.push((await rollcall.api('GET', `/api/v1/boots/${id}`)).body)
  }
  return found
}

/** The one boot that a test made. */
export async function onlyTimeline(rollcall: Rollcall, machine: string): Promise<BootTimeline> {
  const found = await timelines(rollcall, machine)
  if (found.length !== 1) {
    const seen = found.map((boot) => `${boot.stage} ${boot.outcome}\n${story(boot)}`).join('\n--\n')
    throw new Error(`${machine} has ${found.length} boots, not one:\n${seen}`)
  }
  return found[0] as BootTimeline
}

/** The events as lines, for expectations and messages. */
export const story = (boot: BootTimeline): string =>
  boot.events.map(({ kind, text }) => `${kind}: ${text}`).join('\n')

/** Waits for a line on the serial console; if it does not come, says what the server saw as well. */
export async function onConsole(
  machine: Running,
  rollcall: Rollcall,
  pattern: RegExp,
  seconds: number,
): Promise<RegExpExecArray> {
  try {
    return await machine.waitFor(pattern, seconds)
  } catch (error) {
    const { body } = await rollcall.ask('GET', '/api/v1/boots')
    const server = rollcall.log().split('\n').slice(-30).join('\n')
    const seen = `The boots: ${JSON.stringify(body, null, 1)}\nThe server's last lines:\n${server}`
    throw new Error(`${(error as Error).message}\n${seen}`, { cause: error })
  }
}

/** Matches a text in which these lines' beginnings stand in this order, whatever stands between. */
export const inOrder = (...lines: readonly string[]): RegExp =>
  new RegExp(lines.map((line) => `^${RegExp.escape(line)}`).join('[^]*'), 'm')
