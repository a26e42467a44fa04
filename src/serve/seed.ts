import { createHash } from 'node:crypto'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { seedDocuments, type Boot, type BootEvent, type SeedDocument } from '../core/boot.ts'
import { seedUrl } from '../core/boot-script.ts'
import { parsePhoneHome, parseWebhook } from '../core/cloud-init-event.ts'
import { metaData } from '../core/documents/meta-data.ts'
import { networkConfig } from '../core/documents/network-config.ts'
import { userData } from '../core/documents/user-data.ts'
import { vendorData } from '../core/documents/vendor-data.ts'
import { evidenceFor, identify, type Refusal, type Verdict } from '../core/identity.ts'
import type { Store } from '../store/store.ts'
import type { SeedDigest, SeedKey } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'
import type { ConnectionOf } from './connection.ts'
import type { Noted, Recorder } from './recorder.ts'

export interface SeedDeps {
  readonly store: Pick<Store, 'facts'>
  readonly clock: () => EpochMs
  readonly connectionOf: ConnectionOf
  readonly recorder: Pick<Recorder, 'keep' | 'note'>
}

/** What is stored of a seed key, and all that a stolen database tells of it. */
export const seedDigest = (key: SeedKey): SeedDigest =>
  createHash('sha256').update(key).digest('hex') as SeedDigest

/** `/seed/<key>/…`: the NoCloud documents, phone home and the webhook of one boot. */
export function seedRoutes({ store, clock, connectionOf, recorder }: SeedDeps): Hono {
  const app = new Hono()

  const verdictOn = (c: Context, key: string): Verdict => {
    const digest = seedDigest(key as SeedKey)
    return identify(evidenceFor(store.facts, digest, connectionOf(c).peer, clock()))
  }

  for (const document of seedDocuments) {
    app.get(`/:key/${document}`, (c) => {
      const key = c.req.param('key')
      const verdict = verdictOn(c, key)
      if (verdict.kind === 'refuse') {
        const { boot, reason } = verdict
        if (boot) recorder.note(noted(boot, { kind: 'seed.refused', document, reason }))
        return refuse(c, verdict)
      }
      const seed = seedUrl(connectionOf(c).base, key as SeedKey)
      if (c.req.method === 'GET') {
        recorder.note(noted(verdict.boot, { kind: 'seed.sent', document }))
      }
      return c.text(render(document, verdict, seed), 200, { 'Cache-Control': 'no-store' })
    })
  }

  const limited = bodyLimit({ maxSize: 64 * 1024, onError: (c) => c.text('too much\n', 413) })

  /** cloud-init tells what it does. The answer does not wait for the disk: it is sixty a boot. */
  app.post('/:key/events', limited, async (c) => {
    const verdict = verdictOn(c, c.req.param('key'))
    if (verdict.kind === 'refuse') return refuse(c, verdict)
    const event = parseWebhook(await c.req.text())
    if (!event.ok) return c.text(`${event.problem}\n`, 400)
    recorder.note(noted(verdict.boot, event.value))
    return c.text('')
  })

  /** The end of a boot: a machine that was told 200 is up, whatever happens to us after that. */
  app.post('/:key/phone-home', limited, async (c) => {
    const verdict = verdictOn(c, c.req.param('key'))
    if (verdict.kind === 'refuse') return refuse(c, verdict)
    const event = parsePhoneHome(await c.req.text(), verdict.issued.hostname)
    if (!event.ok) return c.text(`${event.problem}\n`, 400)
    await recorder.keep(noted(verdict.boot, event.value))
    return c.text('')
  })

  return app
}

function render(document: SeedDocument, { machine, issued }: Served, seed: string): string {
  const { hostname } = issued
  switch (document) {
    case 'meta-data':
      return metaData({ instanceId: machine.id, hostname })
    case 'user-data':
      return userData(machine.cloudConfig)
    case 'vendor-data':
      return vendorData({ hostname, seed })
    case 'network-config':
      return networkConfig()
  }
}

type Served = Extract<Verdict, { kind: 'serve' }>
type Refused = Extract<Verdict, { kind: 'refuse' }>

const noted = ({ machine, mac, id }: Boot, event: BootEvent): Noted => ({
  machine,
  mac,
  event,
  during: id,
})

/** How each refusal looks in HTTP. cloud-init takes them all alike: it tries for ten seconds. */
const statuses = {
  'unknown-seed': 404,
  superseded: 410,
  'foreign-address': 403,
} as const satisfies Record<Refusal, number>

/** The words are for the timeline: a stranger learns nothing of the machine's address. */
const refuse = (c: Context, { why }: Refused): Response => c.text(`${why}\n`, statuses[why])
