import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { endedQuarantines } from './core/housekeeping.ts'
import { mintApiToken } from './serve/api/token-text.ts'
import type { Store } from './store/store.ts'
import type { EpochMs } from './values/time.ts'

/** What the server does for itself, unasked. */
export interface UpkeepDeps {
  readonly store: Store
  readonly clock: () => EpochMs
  readonly random: (bytes: number) => Uint8Array
  readonly log: Logger
}

/** The first token cannot come from the API: it is left where only the server's user can read it. */
export async function keepAdminToken(
  { store, clock, random, log }: UpkeepDeps,
  stateDir: string,
): Promise<void> {
  if (!store.facts.apiTokens()[Symbol.iterator]().next().done) return
  const { token, text } = mintApiToken('admin', random, clock())
  const path = join(stateDir, 'admin.token')
  writeFileSync(path, `${text}\n`, { mode: 0o600 })
  chmodSync(path, 0o600) // the mode above counts only for a new file
  await store.update(() => ({ changes: [{ kind: 'api-token.put', token }], result: undefined }))
  log.info(`the first API token is in ${path}`)
}

/** Forgets old boots and quarantines that are over; what fails is tried again the next time. */
export function keepHouse(
  { store, clock, log }: Omit<UpkeepDeps, 'random'>,
  keepBoots: number,
): void {
  const ended = store.update((facts) => ({
    changes: endedQuarantines(facts, clock()),
    result: undefined,
  }))
  Promise.all([store.prune(keepBoots), ended]).then(
    ([removed]) => removed > 0 && log.info(`forgot ${removed} old boots`),
    (error: unknown) => log.error({ err: error }, 'the housekeeping failed'),
  )
}
