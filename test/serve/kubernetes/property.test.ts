import fc from 'fast-check'
import { expect, test } from 'vitest'
import { epochMs } from '../../../src/values/time.ts'
import type { Fault } from './fake-cluster.ts'
import { minute, Scene } from './scene.ts'

/** What happens to a rack and its cluster, in any order. */
type Step =
  | { readonly kind: 'boot' | 'claim'; readonly machine: number }
  /** Boots, and asks for its token until it has it, unless the cluster is away. */
  | { readonly kind: 'given'; readonly machine: number }
  | {
      readonly kind: 'ask'
      /** Whose token, or an earlier one of the same machine; and for which name, with which key. */
      readonly machine: number
      readonly earlier: boolean
      /** Its own, unless another one is named. */
      readonly node: number | undefined
      readonly key: number
    }
  | { readonly kind: 'node'; readonly machine: number; readonly ready: boolean }
  | { readonly kind: 'down' | 'up' | 'forget' | 'end' | 'restart' | 'crash' }
  | { readonly kind: 'wait'; readonly minutes: number }
  | { readonly kind: 'breathe' }

const machines = fc.nat(2)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('given' as const), machine: machines }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('boot', 'claim'), machine: machines }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      machine: machines,
      earlier: fc.constantFrom(true, false, false),
      node: fc.option(machines, { nil: undefined, freq: 2 }),
      key: fc.nat(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('node' as const),
      machine: machines,
      ready: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('down', 'up', 'forget', 'end', 'restart', 'crash'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.nat(6) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('breathe' as const) }) },
)

/** Every token that was handed out: whose it is, and of which boot. */
interface Given {
  readonly hostname: string
  readonly machine: number
}

async function run(steps: readonly Step[], faults: readonly Fault[]): Promise<void> {
  const scene = await new Scene().inventory()
  const { cluster, store } = scene
  const given = new Map<string, Given>()
  const users: string[][] = [[], [], []]
  let asked = 0
  let next = 0
  cluster.fault = () => faults[(next += 1) % faults.length] ?? 'none'
  scene.start()

  for (const step of steps) {
    switch (step.kind) {
      case 'boot':
        await scene.boots(scene.machines[step.machine]!)
        break
      case 'given':
      case 'claim': {
        const of = scene.machines[step.machine]!
        if (step.kind === 'given') {
          await scene.boots(of)
          for (let left = 20; left > 0 && scene.token(of)?.state !== 'ready'; left -= 1) {
            if (cluster.isUp) await new Promise((resolve) => setTimeout(resolve, 2))
          }
        }
        if (scene.token(of)?.state !== 'ready') break
        const { id } = scene.token(of)!
        await scene.claims(of)
        if (scene.token(of)?.state !== 'sent' || scene.token(of)?.id !== id) break
        given.set(id!, { hostname: of.hostname, machine: step.machine })
        users[step.machine]!.push(`system:bootstrap:${id}`)
        break
      }
      case 'ask': {
        const theirs = users[step.machine]!
        const user = step.earlier ? theirs[0] : theirs.at(-1)
        if (user === undefined) break
        asked += 1
        const key = `key-${step.key}-${step.machine}`
        cluster.request(
          scene.csr(user, `r${(step.node ?? step.machine) + 1}`, { uid: `u${asked}`, key }),
        )
        break
      }
      case 'node':
        scene.now += 1000
        cluster.nodes.put({
          name: `r${step.machine + 1}`,
          ready: step.ready,
          kernelBoot: scene.store.facts.latestBoot(scene.machines[step.machine]!.id)?.id ?? 'none',
          heartbeat: epochMs(scene.now),
        })
        break
      case 'down':
        cluster.isUp = false
        cluster.csrs.endWatches()
        cluster.nodes.endWatches()
        break
      case 'up':
        cluster.isUp = true
        break
      case 'forget':
        cluster.csrs.forget()
        break
      case 'end':
        cluster.csrs.endWatches()
        cluster.nodes.endWatches()
        break
      case 'restart':
        await scene.stop()
        scene.start()
        break
      case 'crash':
        // Nothing is waited for: what is under way ends when it ends, beside the new tasks.
        void scene.stop()
        scene.start()
        break
      case 'wait':
        scene.now += step.minutes * minute
        break
      case 'breathe':
        await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  cluster.isUp = true
  cluster.fault = () => 'none'
  await scene.until('every request judged', async () => {
    const judged = new Set(
      (await store.audit({ limit: 10_000 })).map(({ evidence }) => evidence['csr']),
    )
    return Array.from({ length: asked }, (_, i) => `u${i + 1}`).every((uid) => judged.has(uid))
  })
  scene.now += 60 * minute
  await scene.until('all Secrets gone', () => cluster.secrets.size === 0)
  await scene.until('and known to be gone', () =>
    [...store.facts.bootTokens()].every(({ inCluster }) => !inCluster),
  )
  await scene.stop()

  const boots = cluster.made.map(({ boot }) => boot)
  expect(new Set(boots).size).toBe(boots.length)

  const keys = new Map<string, Set<string>>()
  for (const { csr, approved } of cluster.decisions) {
    const id = csr.username.split(':')[2]!
    const name = csr.request.ok ? csr.request.subject[1]?.value : ''
    expect(approved).toBe(true)
    expect(name).toBe(`system:node:${given.get(id)?.hostname}`)
    const seen = keys.get(id) ?? new Set()
    if (csr.request.ok) seen.add(csr.request.keyDigest)
    keys.set(id, seen)
  }
  for (const seen of keys.values()) expect(seen.size).toBe(1)

  // Every approval has its entry, and no verdict follows the same verdict on the same request.
  const last = new Map<string, string>()
  for (const { kind, reason, evidence } of await store.audit({ limit: 10_000 })) {
    const uid = evidence['csr']
    if (uid === undefined) continue
    const words = `${kind} ${reason ?? ''}`
    expect(last.get(uid)).not.toBe(words)
    last.set(uid, words)
  }
  for (const { csr } of cluster.decisions) expect(last.has(csr.uid)).toBe(true)
  await store.close()
}

test('no name but its own, one Secret and one key a boot, and no Secret is left in the end', async () => {
  const fault = fc.constantFrom<Fault>('none', 'none', 'none', 'before', 'after')
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
      fc.array(fault, { minLength: 1, maxLength: 12 }).filter((list) => list.includes('none')),
      run,
    ),
    { numRuns: 80, interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true },
  )
}, 120_000)
