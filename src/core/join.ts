import type { Hostname } from '../values/hostname.ts'
import type { BootId, MachineId } from '../values/ids.ts'
import { after, formatTime, seconds, type EpochMs } from '../values/time.ts'
import type { BootToken, BootstrapTokenId } from './boot-token.ts'
import type { Boot } from './boot.ts'
import {
  clean,
  kubeletRequest,
  kubeletSigner,
  nodesGroup,
  nodeUser,
  type ParsedCsr,
} from './join-request.ts'
import type { Machine } from './machine.ts'

/** What a judgement about a certificate request depends on. */
export interface JoinFacts {
  readonly machine: (id: MachineId) => Machine | undefined
  readonly machineByHostname: (hostname: Hostname) => Machine | undefined
  readonly latestBoot: (machine: MachineId) => Boot | undefined
  readonly bootToken: (boot: BootId) => BootToken | undefined
  /** All boots' with this id, the oldest first: a minted id is one boot's; a stored one may be many's. */
  readonly bootTokensById: (id: BootstrapTokenId) => readonly BootToken[]
}

export interface JoinOptions {
  /** What becomes of a request that is about a token or machine of ours, and is wrong. */
  readonly wrong: 'leave-alone' | 'deny'
}

interface About {
  readonly machine?: MachineId
  readonly boot?: BootId
  readonly token?: BootstrapTokenId
  /** What was looked at, for the audit. */
  readonly evidence: Readonly<Record<string, string>>
}

export type JoinVerdict = About &
  (
    | {
        readonly kind: 'approve'
        readonly machine: MachineId
        readonly boot?: BootId
        readonly renewal: boolean
        /** SHA-256 of the public key. */
        readonly key: string
      }
    | { readonly kind: 'deny'; readonly reason: string }
    | {
        readonly kind: 'leave-alone'
        readonly reason: string
        /** False: other people's business, like a serving certificate. Not worth a line in the audit. */
        readonly ours: boolean
      }
  )

const bootstrapUser = 'system:bootstrap:'
const bootstrapGroup = 'system:bootstrappers'

/** A request may wait for us, or for its API server, for so long after its token's end. */
const grace = seconds(3600)
/** How far the API server's clock may be behind ours. */
const clockSkew = seconds(60)

/**
 * May this node have its certificate? Kubernetes lets the bearer of any bootstrap token ask for any
 * node's; here a token is good for the one name that it was made for, in the one boot, with one key.
 * Pure: the same request, facts and time give the same verdict.
 */
export function judgeCsr(
  csr: ParsedCsr,
  facts: JoinFacts,
  now: EpochMs,
  options: JoinOptions,
): JoinVerdict {
  const asker = askerOf(csr)
  const form = kubeletRequest(csr)
  const subject = form.node === undefined ? undefined : facts.machineByHostname(form.node)
  const holders = asker.kind === 'token' ? facts.bootTokensById(asker.id) : []
  const known = holders.findLast((token) => token.machine === subject?.id) ?? holders.at(-1)
  const machine = known?.machine ?? subject?.id
  const boot = known?.boot ?? (subject && facts.latestBoot(subject.id)?.id)
  const about: About = {
    ...(machine === undefined ? {} : { machine }),
    ...(boot === undefined ? {} : { boot }),
    ...(asker.kind === 'token' ? { token: asker.id } : {}),
    evidence: evidenceOf(csr, form.node),
  }
  const wrong = (reason: string): JoinVerdict => {
    const ours = known !== undefined || subject !== undefined
    return options.wrong === 'deny' && ours && csr.signer === kubeletSigner
      ? { kind: 'deny', reason, ...about }
      : { kind: 'leave-alone', reason, ours: ours || asker.kind === 'token', ...about }
  }

  if (csr.signer !== kubeletSigner) {
    const reason = `its signer is ${clean(csr.signer)}, not ${kubeletSigner}`
    // Every node asks for serving certificates, too: only a bootstrap token has no business there.
    return { kind: 'leave-alone', reason, ours: known !== undefined, ...about }
  }
  if (asker.kind === 'other') {
    return wrong(`${clean(csr.username)} is neither a bootstrap token nor a node`)
  }
  if (!form.ok) return wrong(form.problem)
  const { node, keyDigest: key } = form
  if (subject === undefined) return wrong(`no machine of the inventory is called ${node}`)

  if (asker.kind === 'node') {
    const problem = renewalProblem(csr, node)
    if (problem !== undefined) return wrong(problem)
    return { kind: 'approve', ...about, machine: subject.id, renewal: true, key }
  }
  const latest = facts.latestBoot(subject.id)
  const token = latest && facts.bootToken(latest.id)
  const problem =
    groupProblem(csr, bootstrapGroup) ??
    tokenProblem(asker.id, node, token, known) ??
    bootProblem(latest, key) ??
    timeProblem(csr, token, latest, now)
  if (problem !== undefined || latest === undefined) return wrong(problem ?? 'it never booted')
  return {
    kind: 'approve',
    ...about,
    machine: subject.id,
    boot: latest.id,
    renewal: false,
    key,
  }
}

type Asker =
  | { readonly kind: 'token'; readonly id: BootstrapTokenId }
  | { readonly kind: 'node' }
  | { readonly kind: 'other' }

function askerOf({ username }: ParsedCsr): Asker {
  if (username.startsWith(nodeUser)) return { kind: 'node' }
  const id = username.startsWith(bootstrapUser) ? username.slice(bootstrapUser.length) : ''
  return /^[a-z0-9]{6}$/.test(id)
    ? { kind: 'token', id: id as BootstrapTokenId }
    : { kind: 'other' }
}

/** A node may only ask for itself: the name in its certificate is the name that it asks for. */
function renewalProblem(csr: ParsedCsr, node: Hostname): string | undefined {
  if (csr.username !== `${nodeUser}${node}`) {
    return `${clean(csr.username)} asks for the certificate of ${node}`
  }
  return groupProblem(csr, nodesGroup)
}

const groupProblem = ({ groups }: ParsedCsr, group: string): string | undefined =>
  groups.includes(group) ? undefined : `whoever asks is not in the group ${group}`

/** @param token the one that the machine of the requested name has; @param known whose `id` really is */
function tokenProblem(
  id: BootstrapTokenId,
  node: Hostname,
  token: BootToken | undefined,
  known: BootToken | undefined,
): string | undefined {
  if (token === undefined || token.id !== id) {
    if (known === undefined) return `token ${id} is not one that this server gave to anybody`
    return known.hostname === node
      ? `token ${id} belongs to an earlier boot of ${node}`
      : `token ${id} belongs to ${known.hostname}, not to ${node}`
  }
  if (token.hostname !== node) {
    return `${node} was called ${token.hostname} when this boot was given its token`
  }
  switch (token.state) {
    case 'claimed':
    case 'sent':
      return undefined
    case 'wanted':
    case 'minting':
    case 'ready':
      return `token ${id} has not been given to anybody yet: somebody else knows it`
    case 'lost':
      return `token ${id} was lost on its way: ${node} must boot again`
    case 'withheld':
      return `token ${id} was withheld: ${node} must boot again`
  }
}

function bootProblem(boot: Boot | undefined, key: string): string | undefined {
  if (boot === undefined) return 'its machine has never booted here'
  if (boot.outcome === 'superseded') return 'its machine was powered on again since'
  if (boot.stage === 'ready') return 'the boot is closed: its node has been Ready'
  return boot.nodeKey === undefined || boot.nodeKey === key
    ? undefined
    : 'another key has been approved for this boot: the token is known to two'
}

function timeProblem(
  csr: ParsedCsr,
  token: BootToken | undefined,
  boot: Boot | undefined,
  now: EpochMs,
): string | undefined {
  if (token === undefined) return undefined
  // A stored token is the same at every boot: a request from before this one is by whoever kept it.
  if (boot?.issued !== undefined && after(csr.created, clockSkew) < boot.issued.at) {
    return 'it was made before this boot'
  }
  const end = after(token.expires, grace)
  return now > end || csr.created > end
    ? `the boot's window ended at ${formatTime(token.expires)}`
    : undefined
}

const evidenceOf = (
  csr: ParsedCsr,
  node: Hostname | undefined,
): Readonly<Record<string, string>> => ({
  csr: clean(csr.uid),
  request: clean(csr.name),
  username: clean(csr.username),
  ...(node === undefined ? {} : { node }),
  ...(csr.request.ok ? { key: csr.request.keyDigest } : {}),
})
