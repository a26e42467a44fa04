import { ownedByGroup, ownedByMachine, type StoredToken } from './boot-token.ts'
import type { BootTokenFacts } from './facts.ts'
import type { Group } from './group.ts'
import type { Machine } from './machine.ts'

/** The machine's own token counts before its group's. */
export const storedTokenFor = (
  facts: Pick<BootTokenFacts, 'storedToken'>,
  machine: Machine,
  group: Group | undefined,
): StoredToken | undefined =>
  facts.storedToken(ownedByMachine(machine.id)) ??
  (group && facts.storedToken(ownedByGroup(group.name)))
