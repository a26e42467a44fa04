import type { EpochMs } from '../values/time.ts'
import { after } from '../values/time.ts'
import type { BootToken } from './boot-token.ts'
import type { Boot, Issued } from './boot.ts'
import type { Change } from './change.ts'
import type { BootTokenFacts } from './facts.ts'
import { groupOf, type Group } from './group.ts'
import type { Machine } from './machine.ts'
import { storedTokenFor } from './stored-token.ts'
import { openToken } from './token-lifecycle.ts'

/** The token that a boot is to have from the moment on in which its script says who it is. */
export function wantedToken(
  facts: Pick<BootTokenFacts, 'storedToken'>,
  groups: readonly Group[],
  machine: Machine,
  boot: Boot & { readonly issued: Issued },
  now: EpochMs,
): readonly Change[] {
  const group = groupOf(machine, groups)
  if (group === undefined || group.token === 'none') return []
  const begun = {
    boot: boot.id,
    machine: machine.id,
    hostname: boot.issued.hostname,
    expires: after(boot.issued.at, group.window),
    inCluster: false,
  }
  return openToken(begin(), boot, now)

  function begin(): BootToken {
    if (group?.token === 'minted') return { ...begun, source: 'minted', state: 'wanted' }
    const stored = storedTokenFor(facts, machine, group)
    if (stored === undefined) {
      const why = `no token is stored for it or for group ${group?.name ?? ''}`
      return { ...begun, source: 'stored', state: 'withheld', why }
    }
    if (stored.expires !== undefined && stored.expires <= now) {
      const why = `the stored token ${stored.id} has expired`
      return { ...begun, source: 'stored', state: 'withheld', id: stored.id, why }
    }
    return { ...begun, source: 'stored', state: 'ready', id: stored.id }
  }
}
