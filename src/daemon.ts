import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { bootFiles as bootFilesFor } from './core/boot-file.ts'
import { autoexecScript } from './core/boot-script.ts'
import { loadNetboot, type Netboot } from './netboot.ts'
import { managementApp } from './serve/api/app.ts'
import { mintApiToken } from './serve/api/token-text.ts'
import { autoexecName, loadBootFiles, type BootFileStore } from './serve/boot-files.ts'
import { startDhcpServer } from './serve/dhcp.ts'
import { startHttpListener } from './serve/http-listener.ts'
import { createImageCache } from './serve/image-cache.ts'
import { openImageFiles } from './serve/image-files.ts'
import { makeMetrics, type Metrics } from './serve/metrics.ts'
import { provisioningApp } from './serve/provisioning.ts'
import { createRecorder } from './serve/recorder.ts'
import { findSegment, type Segment } from './serve/segments.ts'
import { Strangers } from './serve/strangers.ts'
import { startTftpServer } from './serve/tftp.ts'
import { tftpListener } from './serve/tftp-timeline.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { epochMs, type EpochMs } from './values/time.ts'

/** A running server. */
export interface Daemon {
  /** Where the management API answers. */
  readonly managementUrl: string
  /** Takes nothing new, lets what is under way end for a few seconds, closes the database. */
  stop(): Promise<void>
}

const clock = (): EpochMs => epochMs(Date.now())
const random = (bytes: number): Uint8Array => randomBytes(bytes)
const drainMs = 5000
const pruneEveryMs = 3_600_000

/**
 * Builds the clock, the random numbers, the store and the sockets, and starts the tasks in the order
 * in which they need each other. What was started is stopped again if a later one fails.
 * @throws Error in words that say what to do
 */
export async function startDaemon(config: Config, log: Logger): Promise<Daemon> {
  const listeners: { readonly name: string; readonly stop: () => Promise<void> }[] = []
  const closers: (() => Promise<void> | void)[] = []
  /** All listeners at once, since each may take its time; then what they lean on, last made first. */
  const stop = async (): Promise<void> => {
    await Promise.all(
      listeners.splice(0).map((listener) =>
        listener.stop().catch((error: unknown) => {
          log.error({ err: error }, `${listener.name} did not stop well`)
        }),
      ),
    )
    for (const close of closers.splice(0).reverse()) await close()
  }
  const running = <T extends { stop: (options?: { drainMs?: number }) => Promise<void> }>(
    name: string,
    task: T,
  ): T => {
    listeners.push({ name, stop: () => task.stop({ drainMs }) })
    return task
  }

  try {
    const segments = config.interfaces.map(segmentOf)
    mkdirSync(config.stateDir, { recursive: true, mode: 0o700 })
    const store = openSqliteStore({ path: join(config.stateDir, 'rollcall.db') })
    closers.push(() => store.close())
    await keepAdminToken(store, config.stateDir, log)
    const pruning = setInterval(() => prune(store, config.timeline.keepBoots, log), pruneEveryMs)
    closers.push(() => clearInterval(pruning))

    const metrics = makeMetrics()
    const strangers = new Strangers()
    const netboot = loadNetboot()
    const imageFiles = await openImageFiles(join(config.stateDir, 'images'))
    const images = createImageCache({ store, blobPath: imageFiles.path, log })
    closers.push(() => images.close())
    await images.ready()
    const bootFiles = await loadBootFiles({
      directories: config.bootFiles.directories,
      firmware: netboot.firmware,
      autoexec: netboot.scripts.autoexec,
    })
    for (const { name } of bootFiles.missing) {
      log.warn(`no iPXE for ${name} in ${config.bootFiles.directories.join(', ')}`)
    }

    const app = provisioningApp({
      store,
      clock,
      random,
      images,
      bootFiles,
      scripts: netboot.scripts,
      log,
      onStranger: (mac, address) => {
        strangers.saw({ mac, ...(address === undefined ? {} : { address }) }, clock())
      },
    })
    for (const segment of segments) {
      const { address } = segment
      const { port } = config.http
      const http = running('HTTP', await startHttpListener({ app, address, port }))
      const httpUrl = `http://${address}:${http.port}`
      log.info(`provisioning on ${httpUrl} (${segment.interface})`)
      const tasks = { config, segment, httpUrl, store, metrics, log, netboot, bootFiles, strangers }
      if (config.tftp.enabled) running('TFTP', await startTftp(tasks))
      if (config.dhcp.enabled) running('DHCP', await startDhcp(tasks))
    }

    let ready = false
    const stopping = new AbortController()
    const management = running(
      'management',
      await startHttpListener({
        app: managementApp({
          store,
          clock,
          random,
          imageFiles,
          version: version(),
          metrics: {
            contentType: metrics.registry.contentType,
            metrics: () => metrics.registry.metrics(),
          },
          strangers: () => strangers.list(),
          ready: () => ready,
          stopping: stopping.signal,
          log,
        }),
        ...config.management,
        // An image may take long to upload, and then long to reach a slow disk.
        requestTimeout: 0,
        idleTimeout: 0,
      }),
    )
    const managementUrl = `http://${config.management.address}:${management.port}`
    ready = true
    log.info(`ready; management on ${managementUrl}`)
    return {
      managementUrl,
      stop: () => {
        stopping.abort() // event streams never end by themselves
        return stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** @throws Error that names the interface */
function segmentOf(name: string): Segment {
  const found = findSegment(name)
  if (!found.ok) throw new Error(found.problem)
  return found.value
}

interface Tasks {
  readonly config: Config
  readonly segment: Segment
  readonly httpUrl: string
  readonly store: Store
  readonly metrics: Metrics
  readonly log: Logger
  readonly netboot: Netboot
  readonly bootFiles: BootFileStore
  readonly strangers: Strangers
}

async function startDhcp(tasks: Tasks) {
  const { config, segment, netboot, bootFiles } = tasks
  const dhcp = await startDhcpServer({
    ...tasks,
    port: config.dhcp.port,
    bootFiles: bootFilesFor(netboot.firmware, bootFiles.names()),
    clock,
    random,
  })
  tasks.log.info(`DHCP on ${segment.interface}, ${segment.address}:${dhcp.port}`)
  return dhcp
}

async function startTftp({
  config,
  segment,
  httpUrl,
  store,
  metrics,
  log,
  netboot,
  bootFiles,
}: Tasks) {
  const { address } = segment
  const autoexec = Buffer.from(autoexecScript(netboot.scripts.autoexec, { url: httpUrl }))
  const recorder = createRecorder({ store, clock, random, log })
  const tftp = await startTftpServer({
    address,
    port: config.tftp.port,
    files: (name) => (name === autoexecName ? autoexec : bootFiles.get(name)),
    clock,
    onEvent: tftpListener(recorder, metrics),
  })
  log.info(`TFTP on ${segment.interface}, ${address}:${tftp.port}`)
  return tftp
}

/** The first token cannot come from the API: it is left where only the server's user can read it. */
async function keepAdminToken(store: Store, stateDir: string, log: Logger): Promise<void> {
  if (!store.facts.apiTokens()[Symbol.iterator]().next().done) return
  const { token, text } = mintApiToken('admin', random, clock())
  const path = join(stateDir, 'admin.token')
  writeFileSync(path, `${text}\n`, { mode: 0o600 })
  chmodSync(path, 0o600) // the mode above counts only for a new file
  await store.update(() => ({ changes: [{ kind: 'api-token.put', token }], result: undefined }))
  log.info(`the first API token is in ${path}`)
}

function prune(store: Store, keepBoots: number, log: Logger): void {
  store.prune(keepBoots).then(
    (removed) => removed > 0 && log.info(`forgot ${removed} old boots`),
    (error: unknown) => log.error({ err: error }, 'old boots could not be removed'),
  )
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
