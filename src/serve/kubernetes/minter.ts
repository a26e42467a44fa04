import { bootTokenRecord, type BootstrapTokenId, type BootToken } from '../../core/boot-token.ts'
import { randomLetters } from '../../core/join-secret.ts'
import { tokenDuty } from '../../core/join-token.ts'
import { moveToken, type TokenStep } from '../../core/token-lifecycle.ts'
import type { BootId } from '../../values/ids.ts'
import { BackOff } from './back-off.ts'
import type { ClusterError } from './cluster-api.ts'
import { happened, troubleTo, type Sealer, type Task, type TaskDeps } from './deps.ts'
import { WorkQueue } from './work-queue.ts'

export interface MinterDeps extends TaskDeps {
  readonly vault: Sealer
}

const concurrency = 32

/**
 * Keeps the cluster's bootstrap tokens as the boots need them: one Secret for each boot that wants a
 * minted token, on our disk before it is in the cluster, and out of the cluster as soon as the boot is
 * over. All that is to be done follows from the stored tokens, so that a restart forgets nothing.
 */
export function startMinter(deps: MinterDeps): Task {
  const { store, cluster, vault, clock, random, log, timing = {} } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  /** Boots whose timeline says already that they wait. */
  const toldWaiting = new Set<BootId>()

  const queue = new WorkQueue<BootId>({
    work: bringUpToDate,
    concurrency,
    backOff: new BackOff({ random, ...timing }),
    trouble: troubleTo(log, 'bootstrap tokens'),
    waiting: (boot, error) => {
      tellWaiting(boot, error).catch((failure: unknown) =>
        log.error({ err: failure, boot }, 'event lost'),
      )
    },
    failed: (boot, error) => log.error({ err: error, boot }, 'a bootstrap token is held up'),
    signal,
  })

  async function bringUpToDate(boot: BootId): Promise<void> {
    for (;;) {
      const token = store.facts.bootToken(boot)
      if (token === undefined || signal.aborted) return
      const duty = tokenDuty(token, store.facts.latestBoot(token.machine), clock())
      switch (duty.kind) {
        case 'nothing':
          return
        case 'mint':
          await mint(token)
          break
        case 'create':
          await create(token)
          break
        case 'withhold':
          await move(boot, duty)
          break
        case 'remove':
          if (token.id !== undefined) await cluster.deleteTokenSecret(token.id, signal)
          await move(boot, { kind: 'remove' }, { closed: duty.reason })
      }
    }
  }

  const move = (boot: BootId, step: TokenStep, evidence: Record<string, string> = {}) =>
    store.update((facts) => moveToken(facts, boot, step, clock(), evidence))

  async function mint(token: BootToken): Promise<void> {
    const secret = randomLetters(16, random)
    const sealed = vault.seal(secret, bootTokenRecord(token))
    if (!sealed.ok) return withhold(token, sealed.problem)
    let id: BootstrapTokenId
    do id = randomLetters(6, random) as BootstrapTokenId
    while (store.facts.bootTokenById(id) !== undefined)
    await move(token.boot, { kind: 'mint', id, secret: sealed.value })
  }

  async function create(token: BootToken): Promise<void> {
    const { id, boot, machine, hostname, expires } = token
    if (id === undefined || token.secret === undefined) return withhold(token, 'its secret is gone')
    const secret = vault.open(token.secret, bootTokenRecord(token))
    if (!secret.ok) return withhold(token, secret.problem)
    const made = await cluster.createTokenSecret(
      { id, secret: secret.value, expires, machine, hostname, boot },
      signal,
    )
    toldWaiting.delete(boot)
    if (made !== 'taken') {
      await move(boot, { kind: 'accept' })
      return
    }
    // One in two thousand million. The Secret is somebody else's, and is left to them.
    await withhold(token, `the cluster has another bootstrap token called ${id}`)
    await move(boot, { kind: 'remove' })
  }

  async function withhold({ boot }: BootToken, reason: string): Promise<void> {
    await move(boot, { kind: 'withhold', reason })
    log.warn({ boot }, `no bootstrap token: ${reason}`)
  }

  /** The timeline says that a machine waits, and for what, once. */
  async function tellWaiting(boot: BootId, error: ClusterError): Promise<void> {
    const { state } = store.facts.bootToken(boot) ?? {}
    if ((state !== 'wanted' && state !== 'minting') || toldWaiting.has(boot)) return
    toldWaiting.add(boot)
    const reason = error.kind === 'refused' ? 'the cluster refuses it' : 'the cluster is away'
    await store.update((facts) => {
      const token = facts.bootToken(boot)
      const latest = token && facts.latestBoot(token.machine)
      const event = { kind: 'token.waiting', reason } as const
      return {
        changes: latest?.id === boot ? happened(latest, event, clock()) : [],
        result: undefined,
      }
    })
  }

  function sweep(): void {
    const now = clock()
    for (const token of store.facts.bootTokens()) {
      const duty = tokenDuty(token, store.facts.latestBoot(token.machine), now)
      if (duty.kind === 'nothing') toldWaiting.delete(token.boot)
      else queue.add(token.boot)
    }
  }

  /** A Secret with our label that no token of ours stands behind: of a database that was restored, say. */
  async function removeOrphans(): Promise<void> {
    for (const { id } of await cluster.listTokenSecrets(signal)) {
      if (store.facts.bootTokensById(id).some(({ inCluster }) => inCluster)) continue
      await cluster.deleteTokenSecret(id, signal)
      log.warn({ token: id }, 'removed a bootstrap token that no boot has')
    }
  }

  const orphans = new WorkQueue<'orphans'>({
    work: removeOrphans,
    concurrency: 1,
    backOff: new BackOff({ random, ...timing }),
    trouble: () => {}, // the other queue has the same, and says so
    failed: (_key, error) => log.error({ err: error }, 'orphaned bootstrap tokens'),
    signal,
  })

  const unsubscribe = store.subscribe((change) => {
    if (change.kind === 'boot-token.put') queue.add(change.token.boot)
    // A boot that is over, and the one before a boot that has just begun.
    if (change.kind === 'machine.delete') sweep()
    if (change.kind === 'boot.put' && isOver(change.boot)) {
      if (store.facts.bootToken(change.boot.id) !== undefined) queue.add(change.boot.id)
    }
  })
  const sweeping = setInterval(sweep, timing.sweepMs ?? 10_000)
  const tidying = setInterval(() => orphans.add('orphans'), timing.orphansMs ?? 600_000)
  sweep()
  orphans.add('orphans')

  return {
    async stop() {
      unsubscribe()
      clearInterval(sweeping)
      clearInterval(tidying)
      stopping.abort()
      await Promise.all([queue.settled(), orphans.settled()])
    },
  }
}

const isOver = ({ outcome, stage }: { readonly outcome: string; readonly stage: string }) =>
  outcome === 'superseded' || stage === 'ready'
