import { pino } from 'pino'
import type { BootToken } from '../../../src/core/boot-token.ts'
import type { Boot } from '../../../src/core/boot.ts'
import { kubeletSigner, type ParsedCsr } from '../../../src/core/join-request.ts'
import type { Machine } from '../../../src/core/machine.ts'
import { moveToken, type TokenStep } from '../../../src/core/token-lifecycle.ts'
import type { Task, TaskDeps } from '../../../src/serve/kubernetes/deps.ts'
import { startApprover } from '../../../src/serve/kubernetes/approver.ts'
import { startMinter } from '../../../src/serve/kubernetes/minter.ts'
import { startNodes } from '../../../src/serve/kubernetes/nodes.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { Store } from '../../../src/store/store.ts'
import { bootId, type BootId, type ImageName, type SeedDigest } from '../../../src/values/ids.ts'
import { epochMs, seconds, type EpochMs } from '../../../src/values/time.ts'
import { machine, macNumber } from '../../support/inventory.ts'
import { FakeCluster } from './fake-cluster.ts'

export const minute = 60_000

/** A store, machines, a cluster, and a clock and a random source that only the test moves. */
export class Scene {
  readonly store: Store
  readonly machines: readonly Machine[]
  readonly cluster: FakeCluster
  now = 1_800_000_000_000
  #seed = 1
  #tasks: Task[] = []

  constructor(cluster = new FakeCluster(), machines = 3, store?: Store) {
    this.cluster = cluster
    this.store = store ?? openSqliteStore({ path: ':memory:' })
    this.machines = Array.from({ length: machines }, (_, i) =>
      machine(`r${i + 1}`, { macs: [macNumber(i + 1)] }),
    )
  }

  clock = (): EpochMs => epochMs(this.now)

  /** Not random at all: the same run twice gives the same tokens. */
  random = (octets: number): Uint8Array =>
    Uint8Array.from({ length: octets }, () => {
      this.#seed = (this.#seed * 48_271) % 0x7fffffff
      return this.#seed >>> 8
    })

  get deps(): TaskDeps {
    const { store, cluster, clock, random } = this
    const timing = { sweepMs: 10, orphansMs: 20, firstMs: 1, mostMs: 4 }
    return { store, cluster, clock, random, log: pino({ level: 'silent' }), timing }
  }

  async inventory(): Promise<this> {
    await this.store.update(() => ({
      changes: this.machines.map((machine) => ({ kind: 'machine.put', machine })),
      result: undefined,
    }))
    return this
  }

  start(wrong: 'leave-alone' | 'deny' = 'leave-alone'): this {
    const { deps } = this
    this.#tasks = [
      startMinter({ ...deps, vault: openVault }),
      startApprover({ ...deps, options: { wrong } }),
      startNodes({ ...deps, readyWithin: seconds(600) }),
    ]
    return this
  }

  async stop(): Promise<void> {
    await Promise.all(this.#tasks.splice(0).map((task) => task.stop()))
  }

  /** Its boot script was handed out: a boot begins that wants a token. */
  async boots(of: Machine): Promise<BootId> {
    this.now += 1000
    const id = bootId(this.now, this.random(10))
    const now = this.clock()
    const issued = {
      hostname: of.hostname,
      image: 'worker-1' as ImageName,
      seed: `seed-${id}` as SeedDigest,
      at: now,
    }
    const boot: Boot = {
      ...{ id, machine: of.id, mac: of.macs[0]!, stage: 'script', outcome: 'running', issued },
      ...{ opened: now, updated: now, events: 1 },
    }
    const token: BootToken = {
      ...{ boot: id, machine: of.id, hostname: of.hostname, source: 'minted', state: 'wanted' },
      ...{ expires: epochMs(now + 10 * minute), inCluster: false },
    }
    await this.store.update((facts) => {
      const before = facts.latestBoot(of.id)
      return {
        changes: [
          ...(before?.outcome === 'running'
            ? [{ kind: 'boot.put', boot: { ...before, outcome: 'superseded' } } as const]
            : []),
          { kind: 'boot.put', boot },
          { kind: 'boot-token.put', token },
        ],
        result: undefined,
      }
    })
    return id
  }

  token = (of: Machine): BootToken | undefined => {
    const boot = this.store.facts.latestBoot(of.id)
    return boot && this.store.facts.bootToken(boot.id)
  }

  /** The seed hands the token out, if it is ready. */
  async claims(of: Machine): Promise<void> {
    const steps: TokenStep[] = [{ kind: 'claim' }, { kind: 'sent' }]
    for (const step of steps) {
      await this.store.update((facts) => {
        const boot = facts.latestBoot(of.id)
        if (boot === undefined) return { changes: [], result: undefined }
        return moveToken(facts, boot.id, step, this.clock())
      })
    }
  }

  /** Whether all that is so becomes so, before ten seconds are over. */
  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + 10_000
    while (!(await isSo())) {
      if (Date.now() > end) throw new Error(`after 10 s not: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  async eventKinds(of: Machine): Promise<readonly string[]> {
    const boot = this.store.facts.latestBoot(of.id)
    if (boot === undefined) return []
    const events = await this.store.events({ boot: boot.id, limit: 1000 })
    return events.map(({ event }) => event.kind)
  }

  async auditOf(kind: string): Promise<readonly string[]> {
    const entries = await this.store.audit({ limit: 10_000 })
    return entries
      .filter((entry) => entry.kind.startsWith(kind))
      .map(({ kind, evidence, reason }) =>
        [kind, evidence['csr'], reason].filter((word) => word !== undefined).join(' '),
      )
  }

  csr(username: string, node: string, fields: Partial<ParsedCsr> & { key?: string } = {}) {
    const { key = `key-${node}`, ...rest } = fields
    const uid = rest.uid ?? `uid-${username}-${node}-${key}`
    const isNode = username.startsWith('system:node:')
    return {
      name: `csr-${uid}`,
      uid,
      signer: kubeletSigner,
      username,
      groups: [isNode ? 'system:nodes' : 'system:bootstrappers', 'system:authenticated'],
      usages: ['client auth', 'digital signature'],
      created: this.clock(),
      request: {
        ok: true,
        subject: [
          { type: 'O', value: 'system:nodes' },
          { type: 'CN', value: `system:node:${node}` },
        ],
        extensions: [],
        key: { kind: 'ed25519' },
        keyDigest: key,
        signatureValid: true,
      },
      ...rest,
    } as const satisfies ParsedCsr
  }
}

const backwards = (text: string): string => Buffer.from(text).reverse().toString()

/** Seals by writing the record in front: what moves to another record does not open. */
export const openVault = {
  seal: (text: string, record: string) =>
    ({ ok: true, value: `${record}\n${backwards(text)}` }) as never,
  open: (sealed: string, record: string) =>
    sealed.startsWith(`${record}\n`)
      ? { ok: true as const, value: backwards(sealed.slice(record.length + 1)) }
      : { ok: false as const, problem: 'it belongs to another record' },
}
