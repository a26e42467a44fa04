import { Hono, type Context } from 'hono'
import type { Logger } from 'pino'
import {
  answerScript,
  autoexecScript,
  scriptFor,
  type ScriptAnswer,
  type ScriptBodies,
  buildArchs,
} from '../core/boot-script.ts'
import type { Group } from '../core/group.ts'
import { relayPortText, type RelayPort } from '../core/seen.ts'
import { StoreError, type Store } from '../store/store.ts'
import { bootId, seedKey } from '../values/ids.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import { parseMac, type Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import { autoexecName, type BootFileStore } from './boot-files.ts'
import { brokenOff, byteResponse } from './byte-response.ts'
import type { ConnectionOf } from './connection.ts'
import type { Recorder } from './recorder.ts'
import { seedDigest } from './seed.ts'

export interface BootDeps {
  readonly store: Pick<Store, 'facts' | 'update'>
  readonly clock: () => EpochMs
  readonly random: (octets: number) => Uint8Array
  readonly scripts: ScriptBodies
  readonly bootFiles: Pick<BootFileStore, 'entry'>
  readonly connectionOf: ConnectionOf
  readonly recorder: Pick<Recorder, 'speaker' | 'note'>
  readonly log: Pick<Logger, 'error' | 'warn'>
  readonly groups?: readonly Group[] | undefined
  /** A MAC that the inventory does not know asked for its script. */
  readonly onStranger: (mac: Mac, address: Ipv4 | undefined) => void
}

/** `/boot/<mac>.ipxe`, `/boot/autoexec.ipxe` and `/boot/files/<name>`. */
export function bootRoutes(deps: BootDeps): Hono {
  const { store, clock, random, scripts, bootFiles, connectionOf, recorder, log } = deps
  const { groups = [] } = deps
  const app = new Hono()

  const movedAlarm = (
    { machine: { hostname }, boot }: Extract<ScriptAnswer, { kind: 'boot' }>,
    { from, to }: { readonly from: RelayPort; readonly to: RelayPort },
  ): void => {
    const about = { alarm: 'relay-port.moved', machine: hostname, boot }
    const places = `${relayPortText(to)}, before ${relayPortText(from)}`
    log.warn(about, `${hostname} is plugged in elsewhere: ${places}`)
  }

  app.get(`/${autoexecName}`, autoexecRoute(deps))
  app.get(`/files/${autoexecName}`, autoexecRoute(deps))

  app.get('/:file{[^/]+\\.ipxe}', async (c) => {
    const mac = parseMac(c.req.param('file').slice(0, -'.ipxe'.length))
    if (!mac.ok) return c.text(`${mac.problem}\n`, 400)
    // A HEAD must not mint a boot: it would spend the seed of the one that runs.
    if (c.req.method === 'HEAD') return script(c, '')

    const { peer: source, base } = connectionOf(c)
    const said = c.req.query('arch')
    const buildArch = buildArchs.find((arch) => arch === said)
    const serial = c.req.query('serial')?.trim().slice(0, 64)
    const ask = {
      mac: mac.value,
      source,
      ...(buildArch ? { buildArch } : {}),
      ...(serial === undefined ? {} : { serial }),
    }
    const now = clock()
    const seed = seedKey(random(16))
    const fresh = { boot: bootId(now, random(10)), seed: seedDigest(seed) }
    const write = (answer: ScriptAnswer): Response =>
      script(c, scriptFor(answer, scripts, base, seed))
    try {
      const answer = await store.update((facts) => answerScript(facts, ask, fresh, now, groups))
      if (answer.kind === 'unregistered') deps.onStranger(answer.mac, source)
      if (answer.kind === 'boot' && answer.moved) movedAlarm(answer, answer.moved)
      return write(answer)
    } catch (error) {
      // Any status but 200 would send the machine back to its firmware, and there it would stay.
      log.error({ err: error, mac: mac.value }, 'no boot script could be made')
      return write({ kind: 'wait', reason: `the server ${failure(error)}` })
    }
  })

  app.get('/files/:name', (c) => {
    const started = clock()
    const file = c.req.param('name')
    const entry = bootFiles.entry(file)
    if (entry === undefined) return c.text('no such boot file\n', 404)
    const speaker = recorder.speaker(connectionOf(c).peer)
    return byteResponse(c, entry, ({ outcome, bytes }) => {
      if (speaker === undefined || outcome === 'part') return
      recorder.note({
        ...speaker,
        event:
          outcome === 'sent'
            ? { kind: 'boot-file.sent', via: 'http', file, bytes, ms: clock() - started }
            : { kind: 'boot-file.failed', via: 'http', file, reason: brokenOff },
      })
    })
  })

  return app
}

/** iPXE of 2025 looks beside its own file and then in the root. */
export const autoexecRoute =
  ({ scripts, connectionOf }: Pick<BootDeps, 'scripts' | 'connectionOf'>) =>
  (c: Context): Response =>
    script(c, autoexecScript(scripts.autoexec, { url: connectionOf(c).base }))

const script = (c: Context, text: string): Response =>
  c.text(text, 200, { 'Cache-Control': 'no-store' })

const failure = (error: unknown): string =>
  error instanceof StoreError ? 'cannot keep records for now' : 'failed; its log says why'
