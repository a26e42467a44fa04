import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { managementApp } from '../../../src/serve/api/app.ts'
import type { ManagementDeps } from '../../../src/serve/api/context.ts'
import { mintApiToken } from '../../../src/serve/api/token-text.ts'
import { openImageFiles } from '../../../src/serve/image-files.ts'
import type { Store } from '../../../src/store/store.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { epochMs } from '../../../src/values/time.ts'

export const start = epochMs(Date.parse('2026-11-22T12:00:00Z'))

/**
 * A management API on a real store, with a clock that only a test moves and countable "random".
 *
 * @param served what the API sees of the store
 */
export async function management(
  given: Partial<ManagementDeps> = {},
  served: (store: Store) => Store = (store) => store,
) {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-api-'))
  const store = openSqliteStore({ path: join(directory, 'rollcall.sqlite') })
  const imageFiles = await openImageFiles(join(directory, 'images'))
  const logged: unknown[] = []
  const time = { now: start }
  let drawn = 0
  const deps: ManagementDeps = {
    store,
    imageFiles,
    clock: () => time.now,
    random: (bytes) => {
      drawn += 1
      return Uint8Array.from({ length: bytes }, (_, index) => (drawn * 7 + index * 13) % 256)
    },
    version: '0.0.0-test',
    log: { error: (details) => logged.push(details) },
    ...given,
  }
  const { token, text } = mintApiToken('test', deps.random, start)
  await deps.store.update(() => ({
    changes: [{ kind: 'api-token.put', token }],
    result: undefined,
  }))
  const app = managementApp({ ...deps, store: served(deps.store) })
  onTestFinished(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })

  /** A request with the token; an object as body goes out as JSON. */
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const sent = new Headers({ authorization: `Bearer ${text}`, ...headers })
    const raw = typeof body === 'string' || body instanceof Uint8Array
    if (body !== undefined && !sent.has('content-type'))
      sent.set('content-type', 'application/json')
    return app.request(`/api/v1${path}`, {
      method,
      headers: sent,
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
    })
  }
  return { app, deps, store, imageFiles, directory, call, logged, time, token: text }
}

export const rack = {
  network: '192.0.2.0/24',
  pools: ['192.0.2.100-192.0.2.199'],
  router: '192.0.2.1',
}
export const macOf = (n: number): string => `52:54:00:00:00:${n.toString(16).padStart(2, '0')}`
