import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ManagementDeps } from '../../src/serve/api/context.ts'
import { startHttpListener } from '../../src/serve/http-listener.ts'
import { management } from '../serve/api/management.ts'

const main = new URL('../../src/main.ts', import.meta.url).pathname

export interface Finished {
  readonly status: number
  readonly out: string
  readonly err: string
}

/** The real program as a child process, against a real management listener on loopback. */
export async function rollcall(given: Partial<ManagementDeps> = {}) {
  const api = await management(given)
  const listener = await startHttpListener({ app: api.app, address: '127.0.0.1', port: 0 })
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-cli-'))
  const server = `http://127.0.0.1:${listener.port}`
  onTestFinished(async () => {
    await listener.stop({ drainMs: 0 })
    rmSync(directory, { recursive: true })
  })
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(directory, name)
    writeFileSync(path, content)
    return path
  }
  const env = { ...environment(directory), ROLLCALL_SERVER: server, ROLLCALL_TOKEN: api.token }
  return {
    ...api,
    server,
    listener,
    directory,
    file,
    env,
    run: (...args: readonly string[]) => runWith(env, ...args),
    start: (...args: readonly string[]) => startWith(env, ...args),
  }
}

/** Nothing of the environment that runs the tests says where a server or a token is. */
export const environment = (home: string): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: home,
  TZ: 'UTC',
})

export const runWith = (env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Finished> =>
  runOn('', env, ...args)

/** @param input what it finds on its standard input */
export function runOn(
  input: string,
  env: NodeJS.ProcessEnv,
  ...args: readonly string[]
): Promise<Finished> {
  const { promise, resolve, reject } = Promise.withResolvers<Finished>()
  const child = execFile(
    process.execPath,
    [main, ...args],
    { env, timeout: 25_000 },
    (error, out, err) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ status: error ? Number(error.code) : 0, out, err })
    },
  )
  child.stdin?.on('error', () => {}) // it may end without having read
  child.stdin?.end(input)
  return promise
}

/** A command that goes on; `line` waits for text that fits, for ten seconds at most. */
function startWith(env: NodeJS.ProcessEnv, ...args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], { env })
  let out = ''
  const waiting = new Set<() => void>()
  const gather = (chunk: Buffer) => {
    out += chunk.toString()
    for (const check of waiting) check()
  }
  child.stdout?.on('data', gather)
  child.stderr?.on('data', gather)
  onTestFinished(() => void child.kill())

  const line = (pattern: RegExp): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const timer = setTimeout(() => reject(new Error(`${pattern} did not come in:\n${out}`)), 10_000)
    const check = () => {
      const found = pattern.exec(out)
      if (!found) return
      clearTimeout(timer)
      waiting.delete(check)
      resolve(found[0])
    }
    waiting.add(check)
    check()
    return promise
  }
  return { line, output: () => out, child }
}
