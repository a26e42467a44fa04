import type { AuditEntry } from '../../core/audit.ts'
import type { Boot } from '../../core/boot.ts'
import { isOverdue, nodeNews, type NodeReport } from '../../core/join-node.ts'
import type { Machine } from '../../core/machine.ts'
import { mostEvents } from '../../core/timeline.ts'
import { parseHostname } from '../../values/hostname.ts'
import type { BootId } from '../../values/ids.ts'
import type { EpochMs, Seconds } from '../../values/time.ts'
import { BackOff } from './back-off.ts'
import { happened, troubleTo, type Task, type TaskDeps } from './deps.ts'
import { follow } from './follow.ts'
import { WorkQueue } from './work-queue.ts'

export interface NodesDeps extends TaskDeps {
  /** From a boot's script to its Ready node; after that its timeline says that it is late. */
  readonly readyWithin: Seconds
}

const concurrency = 16
/** A machine's boots whose kernels are known: a Node object older than that many is not met. */
const remembered = 10

/** Writes on each boot's timeline when its Node comes, is Ready, or is not in time. */
export function startNodes(deps: NodesDeps): Task {
  const { store, cluster, clock, random, log, readyWithin, timing = {} } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  /** The latest report of each Node that is a machine of ours. */
  const nodes = new Map<string, NodeReport>()
  /** Boots whose timeline says that they are late. */
  const toldLate = new Set<BootId>()
  const failed = (key: string, error: unknown): void =>
    log.error({ err: error, key }, 'a node is held up')
  const backOff = () => new BackOff({ random, ...timing })

  const queue = new WorkQueue<string>({
    ...{ work: look, concurrency, backOff: backOff(), trouble: () => {}, failed, signal },
  })
  const late = new WorkQueue<BootId>({
    ...{ work: tellLate, concurrency, backOff: backOff(), trouble: () => {}, failed, signal },
  })

  async function look(name: string): Promise<void> {
    const node = nodes.get(name)
    const machine = machineOf(name)
    const boot = machine && store.facts.latestBoot(machine.id)
    if (node === undefined || machine === undefined || boot === undefined) return
    if (nodeNews(node, boot, new Set()).length === 0) return
    const earlier = await store.boots({ machine: machine.id, limit: remembered })
    const kernels = new Set(
      earlier.flatMap(({ id, kernelBoot }) =>
        id === boot.id || kernelBoot === undefined ? [] : [kernelBoot],
      ),
    )
    const isReady = await store.update((facts) => {
      const latest = facts.latestBoot(machine.id)
      // Powered on again in between: the next report of its Node is judged by that.
      if (latest === undefined || latest.id !== boot.id) return { changes: [], result: false }
      const now = clock()
      const events = nodeNews(node, latest, kernels)
      const isReady = events.some(({ kind }) => kind === 'node.ready')
      let current: Boot = latest
      const changes = events.flatMap((event) => {
        const made = happened(current, event, now)
        for (const change of made) if (change.kind === 'boot.put') current = change.boot
        return made
      })
      const entry = readyEntry(node, latest, facts.bootToken(latest.id)?.id, now)
      return {
        changes: isReady ? [...changes, { kind: 'audit.add', entry }] : changes,
        result: isReady,
      }
    })
    if (isReady) log.info({ machine: machine.id, boot: boot.id }, `node ${name} is Ready`)
  }

  function machineOf(name: string): Machine | undefined {
    const hostname = parseHostname(name)
    return hostname.ok ? store.facts.machineByHostname(hostname.value) : undefined
  }

  function saw(node: NodeReport): void {
    if (machineOf(node.name) === undefined) return
    nodes.set(node.name, node)
    queue.add(node.name)
  }

  async function tellLate(id: BootId): Promise<void> {
    const told = await store.events({ boot: id, limit: mostEvents })
    if (told.some(({ event }) => event.kind === 'node.not-ready-in-time')) return
    await store.update((facts) => {
      const token = facts.bootToken(id)
      const boot = token && facts.latestBoot(token.machine)
      const now = clock()
      const isLate = token !== undefined && isOverdue(token, boot, readyWithin, now)
      const event = { kind: 'node.not-ready-in-time', seconds: readyWithin } as const
      return {
        changes: isLate && boot !== undefined ? happened(boot, event, now) : [],
        result: undefined,
      }
    })
  }

  function sweep(): void {
    const now = clock()
    for (const token of store.facts.bootTokens()) {
      const { boot: id, machine } = token
      const boot = store.facts.latestBoot(machine)
      if (!isOverdue(token, boot, readyWithin, now)) toldLate.delete(id)
      else if (!toldLate.has(id)) {
        toldLate.add(id)
        late.add(id)
      }
    }
  }

  const following = follow(
    cluster.nodes,
    {
      all: (reports) => {
        nodes.clear()
        for (const report of reports) saw(report)
      },
      put: saw,
      deleted: ({ name }) => nodes.delete(name),
      trouble: troubleTo(log, 'nodes'),
    },
    backOff(),
    signal,
  )
  // A boot whose Node was seen before we heard of the boot.
  const unsubscribe = store.subscribe((change) => {
    if (change.kind !== 'boot.put') return
    const { stage, issued } = change.boot
    if (issued !== undefined && stage !== 'ready' && nodes.has(issued.hostname)) {
      queue.add(issued.hostname)
    }
  })
  const sweeping = setInterval(sweep, timing.sweepMs ?? 10_000)
  sweep()

  return {
    async stop() {
      unsubscribe()
      clearInterval(sweeping)
      stopping.abort()
      await Promise.all([following, queue.settled(), late.settled()])
    },
  }
}

const readyEntry = (
  node: NodeReport,
  boot: Boot,
  token: AuditEntry['token'],
  at: EpochMs,
): AuditEntry => ({
  at,
  kind: 'node.ready',
  machine: boot.machine,
  boot: boot.id,
  ...(token === undefined ? {} : { token }),
  evidence: { node: node.name, kernel: node.kernelBoot },
})
