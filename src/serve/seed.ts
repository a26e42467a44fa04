import { createHash } from 'node:crypto'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { seedDocuments, type BootEvent, type Issued, type SeedDocument } from '../core/boot.ts'
import { seedUrl } from '../core/boot-script.ts'
import { parsePhoneHome, parseWebhook } from '../core/cloud-init-event.ts'
import { metaData } from '../core/documents/meta-data.ts'
import { networkConfig } from '../core/documents/network-config.ts'
import { userData } from '../core/documents/user-data.ts'
import { vendorData } from '../core/documents/vendor-data.ts'
import { evidenceFor, identify, type Refusal, type Verdict } from '../core/identity.ts'
import type { Machine } from '../core/machine.ts'
import type { Store } from '../store/store.ts'
import type { SeedDigest, SeedKey } from '../values/ids.ts'
import type { Parsed } from '../values/parse.ts'
import type { EpochMs } from '../values/time.ts'
import type { ConnectionOf } from './connection.ts'
import type { Recorder } from './recorder.ts'

export interface SeedDeps {
  readonly store: Pick<Store, 'facts'>
  readonly clock: () => EpochMs
  readonly connectionOf: ConnectionOf
  readonly recorder: Pick<Recorder, 'keep' | 'note'>
}

/** What is stored of a seed key, and all that a stolen database tells of it. */
export const seedDigest = (key: SeedKey): SeedDigest =>
  createHash('sha256').update(key).digest('hex') as SeedDigest

/** How each refusal looks in HTTP. cloud-init takes them all alike: it tries for ten seconds. */
const statusOf = { 'unknown-seed': 404, superseded: 410, 'foreign-address': 403 } as const satisfies
  Record<Refusal, number>

/** `/seed/<key>/…`: the NoCloud documents, phone home and the webhook of one boot. */
export function seedRoutes({ store, clock, connectionOf, recorder }: SeedDeps): Hono {
  const app = new Hono()
  const limited = bodyLimit({ maxSize: 64 * 1024, onError: (c) => c.text('too much\n', 413) })

  const verdictOn = (c: Context): Verdict => {
    const digest = seedDigest(c.req.param('key') as SeedKey)
    return identify(evidenceFor(store.facts, digest, connectionOf(c).peer, clock()))
  }

  for (const document of seedDocuments) {
    app.get(`/:key/${document}`, (c) => {
      const verdict = verdictOn(c)
      if (verdict.kind === 'refuse') {
        const { boot, reason, why } = verdict
        const event: BootEvent = { kind: 'seed.refused', document, reason }
        if (boot) recorder.note({ machine: boot.machine, mac: boot.mac, event, during: boot.id })
        return c.text(`${reason}\n`, statusOf[why])
      }
      const { boot, machine } = verdict
      const seed = seedUrl(connectionOf(c).base, c.req.param('key') as SeedKey)
      const text = render(document, machine, boot.issued, seed)
      const event: BootEvent = { kind: 'seed.sent', document }
      recorder.note({ machine: machine.id, mac: boot.mac, event, during: boot.id })
      return c.text(text, 200, { 'Cache-Control': 'no-store' })
    })
  }

  const report = (parse: (body: string, issued: Issued) => Parsed<BootEvent>, durable: boolean) =>
    async (c: Context): Promise<Response> => {
      const verdict = verdictOn(c)
      if (verdict.kind === 'refuse') return c.text(`${verdict.reason}\n`, statusOf[verdict.why])
      const { boot, machine } = verdict
      const parsed = parse(await c.req.text(), boot.issued)
      if (!parsed.ok) return c.text(`${parsed.problem}\n`, 400)
      const noted = { machine: machine.id, mac: boot.mac, event: parsed.value, during: boot.id }
      if (durable) await recorder.keep(noted)
      else recorder.note(noted)
      return c.text('', 200)
    }

  return app
}
