import type { EpochMs } from '../values/time.ts'
import type { StoredToken } from './boot-token.ts'
import type { Change, Decided } from './change.ts'
import type { BootTokenFacts } from './facts.ts'
import type { MachineId } from '../values/ids.ts'

/** A token that people put here. The audit says which and when, and never the secret. */
export function planStoreToken(
  facts: Pick<BootTokenFacts, 'storedToken'>,
  token: StoredToken,
  machine: MachineId | undefined,
): Decided<'created' | 'replaced'> {
  const before = facts.storedToken(token.owner)
  const { id, owner, updated: at } = token
  const audit: Change = {
    kind: 'audit.add',
    entry: {
      ...{ at, kind: 'token.stored', token: id, evidence: { owner } },
      ...(machine === undefined ? {} : { machine }),
    },
  }
  return {
    changes: [{ kind: 'stored-token.put', token }, audit],
    result: before === undefined ? 'created' : 'replaced',
  }
}

export function planForgetToken(
  facts: Pick<BootTokenFacts, 'storedToken'>,
  owner: string,
  at: EpochMs,
): Decided<'deleted' | 'not-found'> {
  const before = facts.storedToken(owner)
  if (before === undefined) return { changes: [], result: 'not-found' }
  const entry = { at, kind: 'token.closed', token: before.id, evidence: { owner } } as const
  return {
    changes: [
      { kind: 'stored-token.delete', owner },
      { kind: 'audit.add', entry },
    ],
    result: 'deleted',
  }
}
