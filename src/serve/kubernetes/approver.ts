import { judgeCsr, type JoinOptions, type JoinVerdict } from '../../core/join.ts'
import type { AuditEntry } from '../../core/audit.ts'
import type { BootEvent } from '../../core/boot-event.ts'
import type { Change } from '../../core/change.ts'
import type { Facts } from '../../core/facts.ts'
import type { EpochMs } from '../../values/time.ts'
import { BackOff } from './back-off.ts'
import type { ClusterCsr } from './cluster-api.ts'
import { happened, troubleTo, type Task, type TaskDeps } from './deps.ts'
import { follow } from './follow.ts'
import { WorkQueue } from './work-queue.ts'

export interface ApproverDeps extends TaskDeps {
  readonly options: JoinOptions
  /** Each verdict that is new, for the metrics. */
  readonly onVerdict?: (verdict: JoinVerdict['kind']) => void
}

const concurrency = 16

/**
 * Judges every certificate request that nobody has decided on yet. A verdict is on the disk, in the
 * audit and on the machine's timeline, before the cluster is told: no certificate without its entry,
 * and never a second key for one boot. Each verdict on a request is entered once, also over restarts;
 * one that changes (a machine was entered, an hour is over) is entered again.
 */
export function startApprover(deps: ApproverDeps): Task {
  const { store, cluster, clock, random, log, options, timing = {} } = deps
  const stopping = new AbortController()
  const { signal } = stopping
  const started = clock()
  /** Undecided requests by uid: no more than the cluster itself keeps. */
  const pending = new Map<string, ClusterCsr>()
  /** The latest verdict that was entered, by uid. */
  const entered = new Map<string, string>()

  const queue = new WorkQueue<string>({
    work: judge,
    concurrency,
    backOff: new BackOff({ random, ...timing }),
    trouble: troubleTo(log, 'approvals'),
    failed: (uid, error) => log.error({ err: error, csr: uid }, 'a certificate request is held up'),
    signal,
  })

  async function judge(uid: string): Promise<void> {
    const request = pending.get(uid)
    if (request === undefined) return
    const before = entered.get(uid) ?? (await enteredBefore(request))
    const verdict = await store.update((facts) => {
      const now = clock()
      const result = judgeCsr(request.csr, facts, now, options)
      const isNew = wordsOf(result) !== before
      return { changes: isNew ? entriesFor(request, result, facts, now) : [], result }
    })
    entered.set(uid, wordsOf(verdict))
    if (wordsOf(verdict) !== before) {
      deps.onVerdict?.(verdict.kind)
      tell(request, verdict)
    }
    await act(request, verdict)
  }

  async function act(request: ClusterCsr, verdict: JoinVerdict): Promise<void> {
    if (verdict.kind === 'leave-alone') return
    const answer =
      verdict.kind === 'approve'
        ? await cluster.approveCsr(request, approvalOf(verdict), signal)
        : await cluster.denyCsr(request, verdict.reason, signal)
    // Stale: the watch brings what it has become, unless it has already.
    if (answer !== 'stale' && pending.get(request.csr.uid) === request) {
      pending.delete(request.csr.uid)
    }
  }

  /** What the audit says of this request, from before this server was started. */
  async function enteredBefore({ csr }: ClusterCsr): Promise<string> {
    // Made since then, with a minute for clocks that differ: nothing can have been entered.
    if (csr.created > started + 60_000) return ''
    const { machine, token } = judgeCsr(csr, store.facts, clock(), options)
    let words = ''
    if (machine === undefined && token === undefined) return words
    const about = token === undefined ? { ...(machine && { machine }) } : { token }
    let after = 0
    for (;;) {
      const page = await store.audit({ ...about, after, limit: 500 })
      for (const { kind, reason, evidence } of page) {
        if (evidence['csr'] === csr.uid) words = `${kind} ${reason ?? ''}`
      }
      const last = page.at(-1)
      if (last === undefined || page.length < 500) return words
      after = last.seq
    }
  }

  function tell({ csr }: ClusterCsr, verdict: JoinVerdict): void {
    const about = { request: csr.name, machine: verdict.machine, token: verdict.token }
    if (verdict.kind === 'approve') log.info(about, `approved ${csr.name}`)
    else if (verdict.kind === 'deny') log.warn(about, `denied ${csr.name}: ${verdict.reason}`)
    else if (verdict.ours) log.warn(about, `left ${csr.name} alone: ${verdict.reason}`)
  }

  function saw(request: ClusterCsr): void {
    const { uid } = request.csr
    if (request.decided) {
      pending.delete(uid)
      return
    }
    pending.set(uid, request)
    queue.add(uid)
  }

  const following = follow(
    cluster.csrs,
    {
      all: (requests) => {
        const there = new Set(requests.map(({ csr }) => csr.uid))
        for (const uid of pending.keys()) if (!there.has(uid)) pending.delete(uid)
        for (const uid of entered.keys()) if (!there.has(uid)) entered.delete(uid)
        for (const request of requests) saw(request)
      },
      put: saw,
      deleted: ({ csr }) => {
        pending.delete(csr.uid)
        entered.delete(csr.uid)
      },
      trouble: troubleTo(log, 'certificate requests'),
    },
    new BackOff({ random, ...timing }),
    signal,
  )
  // What was left alone may be right by now: a token that was just claimed, a machine just entered.
  const sweeping = setInterval(() => {
    for (const uid of pending.keys()) queue.add(uid)
  }, timing.sweepMs ?? 30_000)

  return {
    async stop() {
      clearInterval(sweeping)
      stopping.abort()
      await Promise.all([following, queue.settled()])
    },
  }
}

const kinds = {
  approve: 'csr.approved',
  deny: 'csr.denied',
  'leave-alone': 'csr.left-alone',
} as const

const wordsOf = (verdict: JoinVerdict): string =>
  `${kinds[verdict.kind]} ${verdict.kind === 'approve' ? '' : verdict.reason}`

function entriesFor(
  { csr }: ClusterCsr,
  verdict: JoinVerdict,
  facts: Facts,
  now: EpochMs,
): readonly Change[] {
  if (verdict.kind === 'leave-alone' && !verdict.ours) return []
  const { machine, boot, token, evidence } = verdict
  const entry: AuditEntry = {
    at: now,
    kind: kinds[verdict.kind],
    ...(machine === undefined ? {} : { machine }),
    ...(boot === undefined ? {} : { boot }),
    ...(token === undefined ? {} : { token }),
    ...(verdict.kind === 'approve' ? {} : { reason: verdict.reason }),
    evidence,
  }
  const latest = machine === undefined ? undefined : facts.latestBoot(machine)
  return [
    { kind: 'audit.add', entry },
    ...(latest === undefined ? [] : happened(latest, eventOf(csr.name, verdict), now)),
  ]
}

function eventOf(request: string, verdict: JoinVerdict): BootEvent {
  switch (verdict.kind) {
    case 'approve':
      return { kind: 'csr.approved', request, key: verdict.key, renewal: verdict.renewal }
    case 'deny':
      return { kind: 'csr.denied', request, reason: verdict.reason }
    case 'leave-alone':
      return { kind: 'csr.left-alone', request, reason: verdict.reason }
  }
}

const approvalOf = (verdict: Extract<JoinVerdict, { kind: 'approve' }>): string =>
  verdict.renewal
    ? 'A machine of the inventory renews its own certificate.'
    : `The bootstrap token of boot ${verdict.boot}, for the machine that it was made for.`
