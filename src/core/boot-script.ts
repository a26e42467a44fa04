import type { BootId, SeedDigest, SeedKey } from '../values/ids.ts'
import { formatIpv4, type Ipv4 } from '../values/ipv4.ts'
import type { Mac } from '../values/mac.ts'
import type { EpochMs } from '../values/time.ts'
import type { BootEvent } from './boot-event.ts'
import type { Boot } from './boot.ts'
import type { Change, Decided } from './change.ts'
import type { Facts } from './facts.ts'
import { groupOf, type Group } from './group.ts'
import { addressesOf } from './identity.ts'
import { commandLineProblem, fillSeedArgument, type Image } from './image.ts'
import type { Machine } from './machine.ts'
import { samePort, type RelayPort } from './seen.ts'
import { record } from './timeline.ts'
import { moveToken } from './token-lifecycle.ts'
import { wantedToken } from './wanted-token.ts'

/** What iPXE calls the processors that it is built for. */
export const buildArchs = ['i386', 'x86_64', 'arm32', 'arm64', 'riscv64', 'loong64'] as const
export type BuildArch = (typeof buildArchs)[number]

export interface ScriptAsk {
  /** The NIC that booted, from the URL. */
  readonly mac: Mac
  readonly source: Ipv4 | undefined
  /** iPXE's `${buildarch}`, if it said so. */
  readonly buildArch?: BuildArch
  /** SMBIOS's serial number as iPXE says it; empty when it knows none, absent when it was not asked. */
  readonly serial?: string
}

/** Made from random bytes, so not in here. */
export interface FreshBoot {
  readonly boot: BootId
  readonly seed: SeedDigest
}

export type ScriptAnswer =
  | {
      readonly kind: 'boot'
      readonly machine: Machine
      readonly image: Image
      readonly boot: BootId
      /** Where its NIC is plugged in now, when that is not where it was. */
      readonly moved?: { readonly from: RelayPort; readonly to: RelayPort }
    }
  /** It is to come back and say its serial number: the URL that DHCP gives has no room for it. */
  | { readonly kind: 'introduce'; readonly mac: Mac }
  | { readonly kind: 'unregistered'; readonly mac: Mac }
  | { readonly kind: 'wait'; readonly reason: string }

/**
 * What the machine runs next. Whoever gets a boot script gets the seed's path with it, so the asker
 * must hold one of the machine's addresses: a MAC is printed on the box.
 */
export function answerScript(
  facts: Facts,
  ask: ScriptAsk,
  fresh: FreshBoot,
  now: EpochMs,
  groups: readonly Group[] = [],
): Decided<ScriptAnswer> {
  const { mac } = ask
  const machine = facts.machineByMac(mac)
  if (machine === undefined) return { changes: [], result: { kind: 'unregistered', mac } }

  const latest = facts.latestBoot(machine.id)
  const { source } = ask
  if (source === undefined || !addressesOf(machine, facts, now).includes(source)) {
    const from = source === undefined ? 'an unknown address' : formatIpv4(source)
    return {
      changes: foreignAsk(machine, mac, latest, fresh, now),
      result: { kind: 'wait', reason: `asked from ${from}, which is not this machine's address` },
    }
  }
  const choice = chooseImage(facts, ask)
  if ('reason' in choice) {
    const event: BootEvent = { kind: 'script.refused', reason: choice.reason }
    const happening = { machine: machine.id, mac, event }
    return {
      changes: record(happening, latest, fresh.boot, now),
      result: { kind: 'wait', reason: choice.reason },
    }
  }

  if (ask.serial === undefined && groupOf(machine, groups)?.requires.has('serial') === true) {
    return { changes: [], result: { kind: 'introduce', mac } }
  }

  const { image } = choice
  const { hostname } = machine
  const event: BootEvent = { kind: 'script.sent', image: image.name, hostname }
  const issued = { hostname, image: image.name, seed: fresh.seed, at: now }
  const seen = !ask.serial ? {} : { seen: { serials: [ask.serial] } }
  const script = { machine: machine.id, mac, event, issued, ...seen }
  const changes = [...record(script, latest, fresh.boot, now)]
  let boot = lastBoot(changes)
  if (boot === undefined) throw new TypeError('a script opens a boot or belongs to one')
  const { id } = boot

  const moved = movedPort(boot, facts.relayPort(mac))
  if (moved !== undefined) {
    const alarm: BootEvent = { kind: 'relay-port.moved', ...moved }
    changes.push(...record({ machine: machine.id, mac, event: alarm }, boot, id, now))
    boot = lastBoot(changes) ?? boot
  }
  if (latest !== undefined && latest.id !== id) {
    const reason = 'the machine was powered on again'
    changes.push(...moveToken(facts, latest.id, { kind: 'withhold', reason }, now).changes)
  }
  changes.push(...wantedToken(facts, groups, machine, { ...boot, issued }, now))
  return {
    changes,
    result: { kind: 'boot', machine, image, boot: id, ...(moved === undefined ? {} : { moved }) },
  }
}

const lastBoot = (changes: readonly Change[]): Boot | undefined =>
  changes.findLast((change) => change.kind === 'boot.put')?.boot

/** The first port of this boot that is not the one that was learnt. */
function movedPort({ seen, mac }: Boot, learnt: RelayPort | undefined) {
  if (learnt === undefined) return undefined
  const other = seen?.ports?.find((port) => port.mac === mac && !samePort(port, learnt))
  if (other === undefined) return undefined
  return { from: learnt, to: { relay: other.relay, circuit: other.circuit } }
}

/**
 * Anybody can ask for any machine's script, so it neither begins a boot nor keeps one going, and says the
 * same whoever asks: a running boot's timeline tells it once.
 */
function foreignAsk(
  machine: Machine,
  mac: Mac,
  latest: Boot | undefined,
  fresh: FreshBoot,
  now: EpochMs,
): readonly Change[] {
  if (latest?.outcome !== 'running') return []
  const reason = "it was asked for from an address that is not the machine's"
  const event: BootEvent = { kind: 'script.refused', reason }
  return record({ machine: machine.id, mac, event }, latest, fresh.boot, now).map((change) =>
    change.kind === 'boot.put'
      ? { ...change, boot: { ...change.boot, updated: latest.updated } }
      : change,
  )
}

function chooseImage(
  facts: Facts,
  { buildArch }: ScriptAsk,
): { readonly image: Image } | { readonly reason: string } {
  const image = facts.defaultImage()
  if (image === undefined) return { reason: 'no image is the default; import one' }
  if (!image.ready) return { reason: `image ${image.name} has not arrived whole` }
  if (!runsOn(image, buildArch)) {
    return { reason: `image ${image.name} is for ${image.arch}, the machine is ${buildArch}` }
  }
  return { image }
}

/** `i386` is what iPXE says of itself under a BIOS, whatever the processor. */
const runsOn = ({ arch }: Image, buildArch: BuildArch | undefined): boolean =>
  buildArch === undefined ||
  (arch === 'aarch64' ? buildArch === 'arm64' : ['i386', 'x86_64'].includes(buildArch))

/** The bodies of `netboot/*.ipxe`. */
export interface ScriptBodies {
  readonly boot: string
  readonly unregistered: string
  readonly wait: string
  readonly autoexec: string
}

/** @param base the provisioning listener as this machine reaches it, without a slash at the end */
export function scriptFor(
  answer: ScriptAnswer,
  bodies: ScriptBodies,
  base: string,
  seed: SeedKey,
): string {
  switch (answer.kind) {
    case 'unregistered':
      return bootScript(bodies.unregistered, { 'rollcall-url': base, 'asked-mac': answer.mac })
    case 'introduce':
      return bootScript(introduction, { 'rollcall-url': base, 'asked-mac': answer.mac })
    case 'wait':
      return bootScript(bodies.wait, { 'rollcall-url': base, reason: answer.reason })
    case 'boot': {
      const { machine, image, boot } = answer
      const files = `${base}/images/${image.name}`
      return bootScript(bodies.boot, {
        'rollcall-url': base,
        machine: machine.hostname,
        image: image.name,
        'boot-id': boot,
        'kernel-url': `${files}/kernel`,
        'initrd-url': `${files}/initrd`,
        'command-line': commandLine(image, machine, seedUrl(base, seed)),
      })
    }
  }
}

const introduction = `
:again
chain --replace --autofree --timeout 30000 \${rollcall-url}/boot/\${asked-mac}.ipxe?arch=\${buildarch}&serial=\${serial:uristring} || sleep 2
goto again
`

export const autoexecScript = (body: string, { url }: { readonly url: string }): string =>
  bootScript(body, { 'rollcall-url': url })

/** The NoCloud base URL. It ends in a slash, which cloud-init before 23.1 demands. */
export const seedUrl = (base: string, seed: SeedKey): string => `${base}/seed/${seed}/`

const commandLine = (image: Image, machine: Machine, seed: string): string =>
  [
    image.commandLine,
    fillSeedArgument(image.seedArgument, {
      hostname: machine.hostname,
      instanceId: machine.id,
      seed,
    }),
  ]
    .filter((part) => part !== '')
    .join(' ')

/**
 * Puts `set name value` lines on top of an iPXE script. iPXE has no quotes: a value that it would not
 * keep as it stands cannot be written.
 *
 * @throws TypeError on such a value; all that come here were checked where they came in
 */
export function bootScript(body: string, facts: Readonly<Record<string, string>>): string {
  const lines = Object.entries(facts).map(([name, value]) => {
    const problem = value.trim() === '' ? 'is empty' : commandLineProblem(value)
    if (problem !== undefined) throw new TypeError(`${name} ${problem}`)
    return `set ${name} ${value}`
  })
  return ['#!ipxe', ...lines, body.replace(/^#!ipxe[^\n]*(\n|$)/, '')].join('\n')
}
