import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerScript } from '../../src/core/boot-script.ts'
import { bootTokenRecord, type BootstrapTokenId } from '../../src/core/boot-token.ts'
import type { Change, Decided } from '../../src/core/change.ts'
import type { Facts } from '../../src/core/facts.ts'
import { decideRelease } from '../../src/core/release.ts'
import { moveToken } from '../../src/core/token-lifecycle.ts'
import { startTokenKeeper } from '../../src/serve/token-keeper.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { StoreError, type Store } from '../../src/store/store.ts'
import { bootId, type BootId, type ImageName, type SeedDigest } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs, seconds } from '../../src/values/time.ts'
import { ip, machine, macNumber, subnet } from '../support/inventory.ts'
import { start } from './provisioning-scene.ts'
import { group, vault } from './token-scene.ts'

/**
 * Three machines, one server that is killed and started again at any moment, a disk that fails now and
 * then, a clock that runs and is set back: whatever order they come in, no boot's token goes out
 * twice, to another machine, or after its window.
 */
const machines = [1, 2, 3].map((n) =>
  machine(`worker-${n}`, { macs: [macNumber(n)], address: ip(`192.0.2.${50 + n}`) }),
)
const windowMs = 600_000
const groups = [group({ token: 'minted', window: seconds(600) })]
const which = fc.integer({ min: 0, max: 2 })
/** Most asks are the machine's own, of its latest boot: otherwise nothing would ever go out. */
const ask = fc
  .record({
    who: which,
    stranger: fc.option(which, { freq: 2 }),
    back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 2 })),
    times: fc.integer({ min: 1, max: 3 }),
    ends: fc.constantFrom('sent' as const, 'broken' as const, 'killed' as const),
  })
  .map(({ stranger, ...rest }) => ({ does: 'ask' as const, from: stranger ?? rest.who, ...rest }))

const step = fc.oneof(
  fc.record({ does: fc.constantFrom('boot' as const, 'powerOn' as const), who: which }),
  fc.record({ does: fc.constantFrom('script' as const, 'mint' as const), who: which }),
  { weight: 4, arbitrary: ask },
  fc.record({
    does: fc.constant('clock' as const),
    by: fc.oneof(fc.integer({ min: -20_000, max: 60_000 }), fc.constant(windowMs)),
  }),
  fc.record({ does: fc.constant('restart' as const) }),
  fc.record({ does: fc.constant('diskFails' as const), writes: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ does: fc.constant('home' as const), who: which }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Released {
  readonly boot: BootId
  readonly machine: string
  readonly token: string
  readonly issuedAt: number
  readonly at: number
}

class Run {
  readonly folder = mkdtempSync(join(tmpdir(), 'rollcall-property-'))
  readonly released: Released[] = []
  /** Every boot that had a script, with the machine's own secret for it. */
  readonly boots = new Map<number, { boot: BootId; issuedAt: number }[]>()
  readonly owners = new Map<string, { boot: BootId; machine: string }>()
  store: Store = this.open()
  now = start
  failing = 0
  count = 0

  open(): Store {
    return openSqliteStore({ path: join(this.folder, 'rollcall.db') })
  }

  async begin(): Promise<void> {
    const image = {
      ...{ name: 'w' as ImageName, arch: 'x86_64' as const, commandLine: '', seedArgument: '' },
      ...{ created: start, ready: true, files: {} as never },
    }
    await this.put(
      { kind: 'subnet.put', subnet: subnet() },
      ...machines.map((each): Change => ({ kind: 'machine.put', machine: each })),
      { kind: 'image.put', image },
      { kind: 'default-image.set', name: image.name },
    )
  }

  put(...changes: Change[]): Promise<void> {
    return this.update(() => ({ changes, result: undefined }))
  }

  /** A disk that is full keeps nothing of what was decided. */
  async update<T>(decide: (facts: Facts) => Decided<T>): Promise<T> {
    if (this.failing > 0) {
      this.failing -= 1
      throw new StoreError('nothing was stored: disk full')
    }
    return this.store.update(decide)
  }

  async take(each: Step): Promise<void> {
    this.count += 1
    const fresh = bootId(this.now, Buffer.from(String(this.count).padStart(10, '0')))
    switch (each.does) {
      case 'boot':
        for (const does of ['powerOn', 'script', 'mint'] as const) {
          await this.take({ does, who: each.who })
        }
        return
      case 'powerOn': {
        const { id } = machines[each.who]!
        const boot = {
          ...{ id: fresh, machine: id, mac: macNumber(each.who + 1), stage: 'ipxe' as const },
          ...{ outcome: 'running' as const, opened: this.now, updated: this.now, events: 1 },
          seen: { netboot: this.now },
        }
        return this.put({ kind: 'boot.put', boot })
      }
      case 'script': {
        const ask = { mac: macNumber(each.who + 1), source: machines[each.who]!.address }
        const seed = `seed-${this.count}` as SeedDigest
        const answer = await this.update((facts) =>
          answerScript(facts, ask, { boot: fresh, seed }, this.now, groups),
        )
        if (answer.kind !== 'boot') return
        const known = this.boots.get(each.who) ?? []
        known.unshift({ boot: answer.boot, issuedAt: this.now })
        this.boots.set(each.who, known)
        return
      }
      case 'mint': {
        const latest = this.boots.get(each.who)?.[0]
        const token = latest && this.store.facts.bootToken(latest.boot)
        if (token === undefined) return
        const text = `secret-${this.count}`
        const id = `tok${String(this.count).padStart(3, '0')}` as BootstrapTokenId
        const secret = must(vault.seal(text, bootTokenRecord(token)))
        this.owners.set(`${id}.${text}`, { boot: token.boot, machine: token.machine })
        await this.update((facts) =>
          moveToken(facts, token.boot, { kind: 'mint', id, secret }, this.now),
        )
        await this.update((facts) => moveToken(facts, token.boot, { kind: 'accept' }, this.now))
        return
      }
      case 'ask':
        return this.ask(each)
      case 'clock':
        this.now = epochMs(Math.max(start, this.now + each.by))
        return
      case 'restart':
        return this.restart()
      case 'diskFails':
        this.failing = each.writes
        return
      case 'home': {
        const latest = this.store.facts.latestBoot(machines[each.who]!.id)
        if (latest?.issued) await this.put({ kind: 'boot.put', boot: { ...latest, outcome: 'up' } })
      }
    }
  }

  /** All at once, as machines and thieves do. */
  async ask({ who, from, back, times, ends }: Extract<Step, { does: 'ask' }>): Promise<void> {
    const target = this.boots.get(who)?.[back]
    if (target === undefined) return
    const asked = {
      boot: target.boot,
      source: machines[from]!.address,
      isOpen: true,
      open: vault.open,
    }
    const one = async (): Promise<void> => {
      const at = this.now
      const answer = await this.update((facts) => decideRelease(facts, groups, asked, at))
      if (answer.kind !== 'release') return
      const { token } = answer
      const machineId = machines[from]!.id
      this.released.push({
        boot: target.boot,
        machine: machineId,
        token,
        at,
        issuedAt: target.issuedAt,
      })
      if (ends === 'killed') return
      const end =
        ends === 'sent' ? ({ kind: 'sent' } as const) : ({ kind: 'lose', reason: '' } as const)
      await this.update((facts) => moveToken(facts, target.boot, end, this.now))
    }
    const results = await Promise.allSettled(Array.from({ length: times }, one))
    if (ends === 'killed') await this.restart()
    for (const result of results) {
      if (result.status === 'rejected' && !(result.reason instanceof StoreError))
        throw result.reason
    }
  }

  async restart(): Promise<void> {
    await this.store.close()
    this.failing = 0
    this.store = this.open()
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const keeper = await startTokenKeeper({
      ...{ store: this.store, clock: () => this.now, vault, isNeeded: true, log },
    })
    keeper.stop()
    for (const { state } of this.store.facts.bootTokens()) expect(state).not.toBe('claimed')
  }

  check(): void {
    const seen = new Set<string>()
    for (const { boot, machine: asker, token, at, issuedAt } of this.released) {
      expect(seen.has(boot), 'twice for one boot').toBe(false)
      expect(seen.has(token), 'one token twice').toBe(false)
      seen.add(boot)
      seen.add(token)
      expect(this.owners.get(token), "another machine's").toEqual({ boot, machine: asker })
      expect(at - issuedAt, 'after its window').toBeLessThan(windowMs)
      expect(at, 'before its script').toBeGreaterThanOrEqual(issuedAt)
    }
  }

  async end(): Promise<void> {
    await this.store.close()
    rmSync(this.folder, { recursive: true })
  }
}

test('no order of boots, asks, restarts and clocks releases a token twice or wrongly', async () => {
  let released = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const run = new Run()
      try {
        await run.begin()
        // A run begins with a machine that could have its token, or most would never get that far.
        await run.take({ does: 'boot', who: 0 })
        for (const each of steps) {
          await run.take(each).catch((error: unknown) => {
            if (!(error instanceof StoreError)) throw error
          })
        }
        await run.restart()
        run.check()
        released += run.released.length
      } finally {
        await run.end()
      }
    }),
    { numRuns: 150 },
  )
  // Runs in which nothing ever goes out would prove nothing.
  expect(released).toBeGreaterThan(40)
}, 120_000)
