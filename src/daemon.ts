import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { clusterAccess, joinGroups, readCluster } from './config-join.ts'
import type { Config } from './config.ts'
import { bootFiles as bootFilesFor } from './core/boot-file.ts'
import { autoexecScript } from './core/boot-script.ts'
import type { Cluster } from './core/documents/join.ts'
import type { Group } from './core/group.ts'
import { loadNetboot, type Netboot } from './netboot.ts'
import { managementApp } from './serve/api/app.ts'
import { autoexecName, loadBootFiles, type BootFileStore } from './serve/boot-files.ts'
import { proxiedConnection } from './serve/connection.ts'
import { startDhcpServer } from './serve/dhcp.ts'
import { startHttpListener } from './serve/http-listener.ts'
import { createImageCache, type ImageCache } from './serve/image-cache.ts'
import { openImageFiles, type ImageFiles } from './serve/image-files.ts'
import { startCluster } from './serve/kubernetes/tasks.ts'
import { makeMetrics, type Metrics } from './serve/metrics.ts'
import { provisioningApp } from './serve/provisioning.ts'
import { createRecorder } from './serve/recorder.ts'
import { findSegment, type Segment } from './serve/segments.ts'
import { Strangers } from './serve/strangers.ts'
import { startTftpServer } from './serve/tftp.ts'
import { tftpListener } from './serve/tftp-timeline.ts'
import { startTokenKeeper } from './serve/token-keeper.ts'
import { vaultFromFiles } from './store/key-file.ts'
import { openSqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'
import { listening, TaskList } from './task-list.ts'
import { keepAdminToken, keepHouse } from './upkeep.ts'
import { version } from './version.ts'
import { parseIpv4 } from './values/ipv4.ts'
import { must } from './values/parse.ts'
import { epochMs, type EpochMs } from './values/time.ts'

/** A running server. */
export interface Daemon {
  /** Where the management API answers. */
  readonly managementUrl: string
  /** Resolves if the server can't go on; whoever started it should stop it and start anew. */
  readonly broken: Promise<Error>
  /** Takes nothing new, lets what is under way end for a few seconds, closes the database. */
  stop(): Promise<void>
}

const clock = (): EpochMs => epochMs(Date.now())
const random = (bytes: number): Uint8Array => randomBytes(bytes)
const drainMs = 5000
const housekeepingMs = 600_000

/**
 * Builds the clock, the random numbers, the store and the sockets, and starts the tasks in the order in
 * which they need each other: DHCP comes last, since whoever it answers will ask for all the rest. What
 * was started is stopped again if a later one fails.
 * @throws Error in words that say what to do
 */
export async function startDaemon(config: Config, log: Logger): Promise<Daemon> {
  const tasks = new TaskList(log)
  const broken = Promise.withResolvers<Error>()
  const stopping = new AbortController()
  try {
    const segments = config.interfaces.map(segmentOf)
    const ground = await layGround(config, segments, tasks, log, broken.resolve)
    let isReady = false
    if (ground.access) {
      const { access: config, store, vault, metrics } = ground
      tasks.add('cluster', startCluster({ config, store, vault, metrics, clock, random, log }))
    }
    const management = await startManagement(ground, tasks, stopping.signal, () => isReady)
    await startProvisioning(ground, segments, tasks)
    isReady = true
    const managementUrl = `http://${config.management.address}:${management.port}`
    log.info(`ready; management on ${managementUrl}`)
    return {
      managementUrl,
      broken: broken.promise,
      stop: () => {
        stopping.abort() // event streams never end by themselves
        return tasks.stop(drainMs)
      },
    }
  } catch (error) {
    await tasks.stop(drainMs)
    throw error
  }
}

/** @throws Error that names the interface */
function segmentOf(name: string): Segment {
  const found = findSegment(name)
  if (!found.ok) throw new Error(found.problem)
  return found.value
}

/** What every task leans on. */
interface Ground {
  readonly config: Config
  readonly log: Logger
  readonly store: Store
  readonly metrics: Metrics
  readonly strangers: Strangers
  readonly netboot: Netboot
  readonly imageFiles: ImageFiles
  readonly images: ImageCache
  readonly bootFiles: BootFileStore
  readonly groups: readonly Group[]
  /** What kubelets are told of the cluster. */
  readonly cluster: Cluster | undefined
  /** How this server itself reaches it; undefined where it has no business there. */
  readonly access: ReturnType<typeof clusterAccess>
  readonly vault: ReturnType<typeof vaultFromFiles>
}

async function layGround(
  config: Config,
  segments: readonly Segment[],
  tasks: TaskList,
  log: Logger,
  onBroken: (error: Error) => void,
): Promise<Ground> {
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 })
  const store = openSqliteStore({
    path: join(config.stateDir, 'rollcall.db'),
    own: new Set(segments.map(({ address }) => must(parseIpv4(address)))),
    onBroken,
  })
  tasks.closeAfter(() => store.close())
  await keepAdminToken({ store, clock, random, log }, config.stateDir)
  const { keepBoots } = config.timeline
  const housekeeping = setInterval(
    () => keepHouse({ store, clock, log }, keepBoots),
    housekeepingMs,
  )
  tasks.closeAfter(() => clearInterval(housekeeping))

  const groups = joinGroups(config.join)
  const cluster = config.cluster && readCluster(config.cluster)
  const access = clusterAccess(config.cluster, groups)
  const vault = vaultFromFiles(config.secrets, process.env['CREDENTIALS_DIRECTORY'], random)
  for (const { name, token, requires } of groups) {
    const left = (['netboot', 'address'] as const).filter((kind) => !requires.has(kind))
    if (token === 'none' || left.length === 0) continue
    log.warn(
      `join.groups: ${name} does not require ${left.join(' and ')}: docs/security.md says what that opens`,
    )
  }
  const isNeeded = groups.some(({ token }) => token !== 'none')
  const keeper = await startTokenKeeper({ store, clock, vault, isNeeded, log })
  tasks.closeAfter(keeper.stop)

  const strangers = new Strangers()
  const forget = store.subscribe((change) => {
    if (change.kind === 'machine.put')
      change.machine.macs.forEach((mac) => strangers.registered(mac))
  })
  tasks.closeAfter(forget)

  const netboot = loadNetboot()
  const imageFiles = await openImageFiles(join(config.stateDir, 'images'))
  // Large images take long to read. Nobody waits for that but the machines that want them.
  const images = createImageCache({ store, blobPath: imageFiles.path, log })
  tasks.closeAfter(() => images.close())
  const { directories } = config.bootFiles
  const { firmware, scripts } = netboot
  const bootFiles = await loadBootFiles({ directories, firmware, autoexec: scripts.autoexec })
  for (const { name } of bootFiles.missing) {
    log.warn(`no iPXE for ${name} in ${directories.join(', ')}`)
  }
  const metrics = makeMetrics()
  return {
    ...{ config, log, store, metrics, strangers, netboot, imageFiles, images, bootFiles },
    ...{ groups, cluster, access, vault },
  }
}

function startManagement(
  { config, log, store, metrics, strangers, imageFiles, groups, vault }: Ground,
  tasks: TaskList,
  stopping: AbortSignal,
  ready: () => boolean,
) {
  const { registry } = metrics
  const app = managementApp({
    store,
    clock,
    random,
    imageFiles,
    version: version(),
    metrics: { contentType: registry.contentType, metrics: () => registry.metrics() },
    strangers: () => strangers.list(),
    groups,
    vault,
    ready,
    stopping,
    log,
  })
  return listening('the management API', 'management.port', async () =>
    tasks.add(
      'management',
      await startHttpListener({
        app,
        ...config.management,
        // An image may take long to upload, and then long to reach a slow disk.
        requestTimeout: 0,
        idleTimeout: 0,
      }),
    ),
  )
}

async function startProvisioning(
  ground: Ground,
  segments: readonly Segment[],
  tasks: TaskList,
): Promise<void> {
  const { config, log, store, strangers, netboot, images, bootFiles, metrics } = ground
  const { groups, cluster, vault } = ground
  const app = provisioningApp({
    store,
    clock,
    random,
    images,
    bootFiles,
    scripts: netboot.scripts,
    log,
    metrics,
    join: { groups, cluster, vault },
    connectionOf: proxiedConnection(config.http.trustedProxies),
    onStranger: (mac, address) => {
      strangers.saw({ mac, ...(address === undefined ? {} : { address }) }, clock())
    },
  })
  const served: { readonly segment: Segment; readonly httpUrl: string }[] = []
  for (const segment of segments) {
    const { address } = segment
    const http = await listening(`HTTP on ${segment.interface}`, 'http.port', () =>
      startHttpListener({ app, address, port: config.http.port }),
    )
    tasks.add('HTTP', http)
    const httpUrl = `http://${address}:${http.port}`
    log.info(`provisioning on ${httpUrl} (${segment.interface})`)
    if (config.tftp.enabled) tasks.add('TFTP', await startTftp(ground, segment, httpUrl))
    served.push({ segment, httpUrl })
  }
  if (!config.dhcp.enabled) return
  for (const { segment, httpUrl } of served) {
    const dhcp = await startDhcpServer({
      ...ground,
      segment,
      httpUrl,
      port: config.dhcp.port,
      relays: config.dhcp.relays,
      bootFiles: bootFilesFor(netboot.firmware, bootFiles.names()),
      clock,
      random,
    })
    tasks.add('DHCP', dhcp)
    log.info(`DHCP on ${segment.interface}, ${segment.address}:${dhcp.port}`)
  }
}

async function startTftp(
  { config, store, metrics, log, netboot, bootFiles }: Ground,
  { interface: device, address }: Segment,
  httpUrl: string,
) {
  const autoexec = Buffer.from(autoexecScript(netboot.scripts.autoexec, { url: httpUrl }))
  const recorder = createRecorder({ store, clock, random, log })
  const tftp = await listening(`TFTP on ${device}`, 'tftp.port', () =>
    startTftpServer({
      address,
      port: config.tftp.port,
      files: (name) => (name === autoexecName ? autoexec : bootFiles.get(name)),
      clock,
      onEvent: tftpListener(recorder, metrics),
      onDrop: (reason) => metrics.tftpDropped.inc({ reason }),
    }),
  )
  log.info(`TFTP on ${device}, ${address}:${tftp.port}`)
  return tftp
}
