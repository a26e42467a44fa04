import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab, Namespace } from './lab.ts'
import { type Output, type Running, type RunOptions } from './lab-process.ts'
import { tool } from './lab-tools.ts'

const repository = join(import.meta.dirname, '..', '..')
/** The pinned Node: the machine's own may be too old for the server. */
export const nodeBinary = join(repository, 'node_modules', '.bin', 'node')
const main = join(repository, 'src', 'main.ts')
const management = 'http://127.0.0.1:8470'

export interface ApiAnswer {
  readonly status: number
  // What the API says is for the test to look into; a wrong guess fails its expectation.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

export interface Rollcall {
  readonly stateDir: string
  /** Everything that the server has logged, over all its starts. */
  readonly log: () => string
  /** The management API, from within the namespace. Fails unless the answer is 2xx. */
  readonly api: (method: string, path: string, body?: unknown) => Promise<ApiAnswer>
  /** The same with any status. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<ApiAnswer>
  /** `rollcall <words>` as a user runs it. */
  readonly cli: (words: readonly string[], options?: RunOptions) => Promise<Output>
  /** SIGTERM unless told otherwise; the state stays for `start`. Gives the exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number>
  readonly start: () => Promise<void>
}

/**
 * The server in a namespace, with a state directory of its own, ready to answer. The lab stops it.
 * @param config what the test cares about; the state directory and the log are added
 */
export async function startRollcall(
  lab: Lab,
  ns: Namespace,
  config: Readonly<Record<string, unknown>>,
): Promise<Rollcall> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-test-'))
  lab.onClose(() => rmSync(folder, { recursive: true, force: true }))
  const stateDir = join(folder, 'state')
  const tokenFile = join(stateDir, 'admin.token')
  const configFile = join(folder, 'rollcall.yaml')
  // JSON is YAML.
  writeFileSync(
    configFile,
    JSON.stringify({ stateDir, log: { level: 'debug', format: 'json' }, ...config }),
  )

  let server: Running | undefined
  let earlier = ''

  const launch = async (): Promise<void> => {
    const launched = ns.start('rollcall', [nodeBinary, main, 'serve', '--config', configFile])
    server = launched
    // A line of the log says it too, but what counts is that it answers.
    for (let left = 300; left > 0; left--) {
      if (launched.hasExited()) break
      const curl = [tool('curl'), '--silent', '--fail', '--max-time', '5', `${management}/readyz`]
      if ((await ns.exec(curl, { anyExit: true })).code === 0) return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const why = launched.hasExited() ? 'ended' : 'is not ready after a minute'
    throw new Error(`the server ${why}. Its last lines:\n${launched.tail()}`)
  }

  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number> => {
    if (server === undefined) throw new Error('the server is not running')
    const code = await server.stop(signal, 30)
    earlier += server.text()
    server = undefined
    return code
  }

  const log = (): string => earlier + (server?.text() ?? '')

  const ask = async (method: string, path: string, body?: unknown): Promise<ApiAnswer> => {
    const token = readFileSync(tokenFile, 'utf8').trim()
    const { stdout } = await ns.exec(
      [
        ...[tool('curl'), '--silent', '--show-error', '--max-time', '30', '--request', method],
        ...['--header', `Authorization: Bearer ${token}`, '--write-out', '\n%{http_code}'],
        ...(body === undefined
          ? []
          : ['--header', 'Content-Type: application/json', '--data-binary', '@-']),
        `${management}${path}`,
      ],
      body === undefined ? {} : { input: JSON.stringify(body) },
    )
    const at = stdout.lastIndexOf('\n')
    const text = stdout.slice(0, at)
    return { status: Number(stdout.slice(at + 1)), body: parsed(text) }
  }

  const api: Rollcall['api'] = async (method, path, body) => {
    const answer = await ask(method, path, body)
    if (answer.status < 200 || answer.status > 299) {
      const said = `${answer.status} ${JSON.stringify(answer.body)}`
      throw new Error(`${method} ${path}: ${said}\nThe server's last lines:\n${server?.tail(20)}`)
    }
    return answer
  }

  const cli: Rollcall['cli'] = (words, options) =>
    ns.exec([nodeBinary, main, '--token-file', tokenFile, ...words], { seconds: 120, ...options })

  await launch()
  return { stateDir, log, api, ask, cli, stop, start: launch }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
