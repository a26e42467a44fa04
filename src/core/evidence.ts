import { formatIpv4, type Ipv4 } from '../values/ipv4.ts'
import { formatTime, type EpochMs, type Seconds } from '../values/time.ts'
import type { BootToken } from './boot-token.ts'
import type { Boot } from './boot.ts'
import type { BootTokenFacts } from './facts.ts'
import { evidenceKinds, type EvidenceKind } from './group.ts'
import { foreignAddress } from './identity.ts'
import type { Machine } from './machine.ts'
import { relayPortText, samePort } from './seen.ts'

/** One look at who is asking for a secret: whether it speaks for the machine, and what was seen. */
export interface Finding {
  readonly holds: boolean
  readonly says: string
}

export type Findings = Readonly<Record<EvidenceKind, Finding>>

/** All that the findings depend on. */
export interface Clues {
  readonly machine: Machine
  readonly boot: Boot
  readonly token: Pick<BootToken, 'expires'>
  readonly source: Ipv4 | undefined
  readonly addresses: readonly Ipv4[]
  readonly facts: Pick<BootTokenFacts, 'relayPort'>
  readonly now: EpochMs
}

/**
 * iPXE fetches its script right after DHCP. A machine that went on to its disk instead may run pods
 * before long.
 */
const longestPause = 60 as Seconds

const looks: Readonly<Record<EvidenceKind, (clues: Clues) => Finding>> = {
  netboot: ({ boot: { seen, issued } }) => {
    const asked = seen?.netboot
    if (asked === undefined || issued === undefined) {
      return fails('the boot did not begin with DHCP: a running system asked for the script')
    }
    const pause = issued.at - asked
    return pause >= 0 && pause <= longestPause * 1000
      ? holds('it began with DHCP on the wire')
      : fails(`its script was fetched ${Math.round(pause / 1000)} s after its DHCP, not at once`)
  },

  address: ({ source, addresses }) =>
    source !== undefined && addresses.includes(source)
      ? holds(formatIpv4(source))
      : fails(foreignAddress(source, addresses)),

  // A clock that was set back opens no window: the script was not sent in the future.
  'boot-window': ({ boot, token, now }) =>
    boot.issued !== undefined && now >= boot.issued.at && now < token.expires
      ? holds(`open until ${formatTime(token.expires)}`)
      : fails(`the boot's window closed at ${formatTime(token.expires)}`),

  uuid: ({ machine, boot }) => {
    if (machine.uuid === undefined) return fails('the inventory has no UUID of it')
    return theOnlyOne(machine.uuid, boot.seen?.uuids, 'UUID')
  },

  serial: ({ machine, boot }) => {
    if (machine.serial === undefined) return fails('the inventory has no serial number of it')
    return theOnlyOne(machine.serial, boot.seen?.serials, 'serial number')
  },

  'relay-port': ({ boot, facts }) => {
    const learnt = facts.relayPort(boot.mac)
    if (learnt === undefined) return fails('where it is plugged in was not learnt yet')
    const ports = (boot.seen?.ports ?? []).filter(({ mac }) => mac === boot.mac)
    if (ports.length === 0) return fails('no relay said where it is plugged in')
    const other = ports.find((port) => !samePort(port, learnt))
    if (other === undefined) return holds(relayPortText(learnt))
    return fails(`it is at ${relayPortText(other)}, learnt was ${relayPortText(learnt)}`)
  },
}

export const findings = (clues: Clues): Findings =>
  Object.fromEntries(evidenceKinds.map((kind) => [kind, looks[kind](clues)])) as Findings

/** Two answers to one question are none: one of them came from somebody else. */
function theOnlyOne(
  registered: string,
  said: readonly string[] | undefined,
  what: string,
): Finding {
  if (said === undefined || said.length === 0) return fails(`it did not say its ${what}`)
  const other = said.find((each) => each !== registered)
  return other === undefined
    ? holds(registered)
    : fails(`it said ${what} ${other}, registered is ${registered}`)
}

const holds = (says: string): Finding => ({ holds: true, says })
const fails = (says: string): Finding => ({ holds: false, says })
