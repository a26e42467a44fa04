import { createHash } from 'node:crypto'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { seedDocuments, type BootEvent, type SeedDocument } from '../core/boot-event.ts'
import { type Boot } from '../core/boot.ts'
import { seedUrl } from '../core/boot-script.ts'
import { parsePhoneHome, parseWebhook } from '../core/cloud-init-event.ts'
import { metaData } from '../core/documents/meta-data.ts'
import { networkConfig } from '../core/documents/network-config.ts'
import { userData } from '../core/documents/user-data.ts'
import { vendorData } from '../core/documents/vendor-data.ts'
import type { Cluster, JoinFiles } from '../core/documents/join.ts'
import { groupOf, type Group } from '../core/group.ts'
import { evidenceFor, identify, type Refusal, type Verdict } from '../core/identity.ts'
import type { Machine } from '../core/machine.ts'
import type { Release } from '../core/release.ts'
import type { Store } from '../store/store.ts'
import type { Hostname } from '../values/hostname.ts'
import type { SeedDigest, SeedKey } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'
import { socketExchange, type ConnectionOf, type ExchangeOf } from './connection.ts'
import type { Noted, Recorder } from './recorder.ts'
import type { ReleaseToken } from './token-release.ts'

export interface SeedDeps {
  readonly store: Pick<Store, 'facts'>
  readonly clock: () => EpochMs
  readonly connectionOf: ConnectionOf
  readonly recorder: Pick<Recorder, 'keep' | 'note'>
  readonly join?: Join | undefined
  readonly exchangeOf?: ExchangeOf
}

/** What there is besides names: groups, the cluster, and the way to a secret. */
export interface Join {
  readonly groups: readonly Group[]
  /** Undefined: no kubeconfig can be written, so no token goes out. */
  readonly cluster: Cluster | undefined
  readonly release: ReleaseToken
}

/** What is stored of a seed key, and all that a stolen database tells of it. */
export const seedDigest = (key: SeedKey): SeedDigest =>
  createHash('sha256').update(key).digest('hex') as SeedDigest

/** `/seed/<key>/…`: the NoCloud documents, phone home and the webhook of one boot. */
export function seedRoutes({
  store,
  clock,
  connectionOf,
  recorder,
  join,
  exchangeOf = socketExchange,
}: SeedDeps): Hono {
  const app = new Hono()

  const verdictOn = (c: Context, key: string): Verdict => {
    const digest = seedDigest(key as SeedKey)
    return identify(evidenceFor(store.facts, digest, connectionOf(c).peer, clock()))
  }

  for (const document of seedDocuments) {
    app.get(`/:key/${document}`, async (c) => {
      const key = c.req.param('key')
      const verdict = verdictOn(c, key)
      if (verdict.kind === 'refuse') {
        const { boot, reason } = verdict
        if (boot) recorder.note(noted(boot, { kind: 'seed.refused', document, reason }))
        return refuse(c, verdict)
      }
      const seed = seedUrl(connectionOf(c).base, key as SeedKey)
      const isRead = c.req.method === 'GET'
      const secret = document === 'user-data' && isRead ? await secretFor(c, verdict) : none
      if (secret.kind === 'wait') {
        const headers = { 'Retry-After': String(secret.retryAfter) }
        return c.text(`${secret.reason}\n`, 503, { ...headers, ...noStore })
      }
      if (isRead) recorder.note(noted(verdict.boot, sentEvent(document, verdict)))
      const token = secret.kind === 'release' ? secret.token : undefined
      return c.text(render(document, verdict, seed, join, token), 200, noStore)
    })
  }

  const secretFor = async (c: Context, { boot }: Served): Promise<Release> => {
    if (join?.cluster === undefined) return none
    return join.release(boot, connectionOf(c).peer, exchangeOf(c))
  }

  const limited = bodyLimit({ maxSize: 64 * 1024, onError: (c) => c.text('too much\n', 413) })

  /** cloud-init tells what it does. The answer does not wait for the disk: it is sixty a boot. */
  app.post('/:key/events', limited, async (c) => {
    const verdict = verdictOn(c, c.req.param('key'))
    if (verdict.kind === 'refuse') return refuse(c, verdict)
    if (verdict.elsewhere !== undefined) return c.text('foreign-address\n', 403)
    const event = parseWebhook(await c.req.text())
    if (!event.ok) return c.text(`${event.problem}\n`, 400)
    recorder.note(noted(verdict.boot, event.value))
    return c.text('')
  })

  /** The end of a boot: a machine that was told 200 is up, whatever happens to us after that. */
  app.post('/:key/phone-home', limited, async (c) => {
    const verdict = verdictOn(c, c.req.param('key'))
    if (verdict.kind === 'refuse') return refuse(c, verdict)
    if (verdict.elsewhere !== undefined) return c.text('foreign-address\n', 403)
    const event = parsePhoneHome(await c.req.text(), verdict.issued.hostname)
    if (!event.ok) return c.text(`${event.problem}\n`, 400)
    await recorder.keep(noted(verdict.boot, event.value))
    return c.text('')
  })

  return app
}

function render(
  document: SeedDocument,
  { machine, issued, elsewhere }: Served,
  seed: string,
  join: Join | undefined,
  token: string | undefined,
): string {
  const { hostname } = issued
  switch (document) {
    case 'meta-data':
      return metaData({ instanceId: machine.id, hostname })
    case 'user-data':
      // What is secret in a cloud-config only its author knows: none of it goes to a wrong address.
      return userData(
        elsewhere === undefined ? machine.cloudConfig : undefined,
        joinOf(machine, hostname, join, token),
      )
    case 'vendor-data':
      return vendorData({ hostname, seed })
    case 'network-config':
      return networkConfig()
  }
}

function joinOf(
  machine: Machine,
  hostname: Hostname,
  join: Join | undefined,
  token: string | undefined,
): JoinFiles {
  const group = groupOf(machine, join?.groups ?? [])
  const cluster = join?.cluster
  return {
    ...(group && { node: { hostname, labels: group.nodeLabels, taints: group.nodeTaints } }),
    ...(cluster && token !== undefined && { bootstrap: { cluster, token } }),
  }
}

/** A stranger with the right path brings nobody's boot forward. */
const sentEvent = (document: SeedDocument, { elsewhere }: Served): BootEvent =>
  elsewhere === undefined
    ? { kind: 'seed.sent', document }
    : { kind: 'seed.elsewhere', document, reason: elsewhere }

const none = { kind: 'none' } as const
const noStore = { 'Cache-Control': 'no-store' }

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
} as const satisfies Record<Refusal, number>

/** The words are for the timeline: a stranger learns nothing of the machine's address. */
const refuse = (c: Context, { why }: Refused): Response => c.text(`${why}\n`, statuses[why])
