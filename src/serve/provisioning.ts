import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { Logger } from 'pino'
import type { ScriptBodies } from '../core/boot-script.ts'
import type { Cluster } from '../core/documents/join.ts'
import type { Group } from '../core/group.ts'
import { StoreError, type Store } from '../store/store.ts'
import type { Vault } from '../store/vault.ts'
import type { Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { BootFileStore } from './boot-files.ts'
import { autoexecRoute, bootRoutes } from './boot.ts'
import { socketConnection, type ConnectionOf, type ExchangeOf } from './connection.ts'
import type { ImageCache } from './image-cache.ts'
import { imageRoutes } from './images.ts'
import type { Metrics } from './metrics.ts'
import { createRecorder } from './recorder.ts'
import { seedRoutes } from './seed.ts'
import { tokenRelease } from './token-release.ts'

export interface ProvisioningDeps {
  readonly store: Store
  readonly clock: () => EpochMs
  /** Unguessable octets. */
  readonly random: (octets: number) => Uint8Array
  readonly images: Pick<ImageCache, 'load'>
  readonly bootFiles: Pick<BootFileStore, 'entry'>
  readonly scripts: ScriptBodies
  readonly log: Pick<Logger, 'debug' | 'error' | 'warn'>
  /** A MAC that the inventory does not know asked for its script. */
  readonly onStranger: (mac: Mac, address: Ipv4 | undefined) => void
  /** What machines are told instead of the address that they reached; no slash at the end. */
  readonly publicUrl?: string
  readonly connectionOf?: ConnectionOf
  readonly exchangeOf?: ExchangeOf
  /** What secrets hang on; without it there are none. */
  readonly join?: JoinDeps | undefined
  readonly metrics?: Pick<Metrics, 'tokensReleased' | 'tokensRefused'> | undefined
}

export interface JoinDeps {
  readonly groups: readonly Group[]
  readonly cluster: Cluster | undefined
  readonly vault: Pick<Vault, 'open'>
}

/** All that a booting machine asks over HTTP, in the order in which it does. */
export function provisioningApp({
  publicUrl,
  connectionOf: fromSocket = socketConnection,
  ...rest
}: ProvisioningDeps): Hono {
  const { log } = rest
  const connectionOf: ConnectionOf =
    publicUrl === undefined ? fromSocket : (c) => ({ ...fromSocket(c), base: publicUrl })
  const groups = rest.join?.groups ?? []
  const join = rest.join && { ...rest.join, release: tokenRelease({ ...rest, ...rest.join }) }
  const recorder = createRecorder({ ...rest, groups })
  const deps = { ...rest, connectionOf, groups, join, recorder }
  const app = new Hono()

  app.use(async (c, next) => {
    const started = deps.clock()
    await next()
    const { method } = c.req
    const path = withoutSeedKey(c.req.path)
    log.debug({ method, path, status: c.res.status, ms: deps.clock() - started }, 'provisioning')
  })

  app.route('/boot', bootRoutes(deps))
  app.get('/autoexec.ipxe', autoexecRoute(deps))
  app.route('/images', imageRoutes(deps))
  app.route('/seed', seedRoutes(deps))

  app.notFound((c) => c.text('not found\n', 404))
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse()
    const path = withoutSeedKey(c.req.path)
    log.error({ err: error, method: c.req.method, path }, 'provisioning request failed')
    return error instanceof StoreError
      ? c.text('the server cannot keep records for now\n', 503, { 'Retry-After': '5' })
      : c.text('the server failed\n', 500)
  })
  return app
}

/** A seed's path is a secret as long as its boot runs. */
const withoutSeedKey = (path: string): string => path.replace(/^\/seed\/[^/]*/, '/seed/…')
