import { unspecified } from '../values/ipv4.ts'
import type { Boot } from './boot.ts'
import type { Change } from './change.ts'
import type { BootFacts, BootTokenFacts, InventoryFacts } from './facts.ts'
import { groupOf, type Group } from './group.ts'
import { samePort, type RelayPort } from './seen.ts'

/**
 * Where a machine is plugged in is learnt when a boot of it comes up. What is learnt already is
 * replaced only where no secret hangs on it: otherwise two boots at another port would be enough to
 * make that port the right one.
 */
export function learntPort(
  facts: Pick<BootFacts, 'latestBoot'> &
    Pick<BootTokenFacts, 'relayPort'> &
    Pick<InventoryFacts, 'machine'>,
  groups: readonly Group[],
  changes: readonly Change[],
): readonly Change[] {
  const boot = changes.findLast((change) => change.kind === 'boot.put')?.boot
  if (boot?.outcome !== 'up' || facts.latestBoot(boot.machine)?.outcome === 'up') return []
  const port = portOf(boot)
  const machine = facts.machine(boot.machine)
  if (port === undefined || machine === undefined) return []
  const known = facts.relayPort(boot.mac)
  if (known !== undefined) {
    const isFixed = groupOf(machine, groups)?.requires.has('relay-port') === true
    if (isFixed || samePort(known, port)) return []
  }
  return [{ kind: 'relay-port.learnt', mac: boot.mac, port }]
}

/** Only when everything in the boot said the same. */
function portOf({ mac, seen }: Boot): RelayPort | undefined {
  const [port, ...others] = (seen?.ports ?? []).filter((each) => each.mac === mac)
  if (port === undefined || others.length > 0 || port.relay === unspecified) return undefined
  return { relay: port.relay, circuit: port.circuit }
}
