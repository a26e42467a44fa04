import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { tool } from './lab-tools.ts'

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Seconds after which the program is killed and the test fails. Default 30. */
  readonly seconds?: number
  readonly input?: string
  readonly env?: Record<string, string>
  readonly cwd?: string
  /** Give back an exit code other than 0 instead of failing. */
  readonly anyExit?: boolean
}

/** A program in the background. What it says on stdout and stderr is kept in one text. */
export interface Running {
  readonly pid: number
  readonly name: string
  readonly text: () => string
  /** The last lines, for messages. */
  readonly tail: (lines?: number) => string
  /** Waits until the text matches (use the flag m for ^ and $). Fails when time is up or it has ended. */
  readonly waitFor: (pattern: RegExp, seconds: number) => Promise<RegExpExecArray>
  readonly exited: Promise<number>
  readonly hasExited: () => boolean
  /** Sends the signal, then SIGKILL if it is still there after the given time. Gives its exit code. */
  readonly stop: (signal?: NodeJS.Signals, seconds?: number) => Promise<number>
}

/**
 * SIGKILL when the test's own process dies, whatever the reason: no QEMU or server stays behind.
 * setpriv and `ip netns exec` both exec, so the pid that we spawn is the program's own.
 */
const tied = (argv: readonly string[]): [string, string[]] => [
  tool('setpriv'),
  ['--pdeathsig', 'KILL', '--', ...argv],
]

export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const seconds = options.seconds ?? 30
  const [file, args] = tied(argv)
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part))
  // A program that ends without reading its input is no fault of the test.
  child.stdin.on('error', () => {}).end(options.input ?? '')
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, seconds * 1000)
  const code = await exitOf(child).finally(() => clearTimeout(timer))
  if (late) throw new Error(failure(argv, `was still running after ${seconds} s`, stdout + stderr))
  if (code !== 0 && options.anyExit !== true) {
    throw new Error(failure(argv, `ended with ${code}`, stdout + stderr))
  }
  return { code, stdout, stderr }
}

export function start(
  name: string,
  argv: readonly string[],
  options: Pick<RunOptions, 'env' | 'cwd'> = {},
): Running {
  const [file, args] = tied(argv)
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  })
  let text = ''
  let code: number | undefined
  const watchers = new Set<() => void>()
  const changed = (): void => {
    for (const watcher of watchers) watcher()
  }
  const hear = (part: string): void => {
    text += part
    changed()
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  const exited = exitOf(child).then((found) => {
    code = found
    changed()
    return found
  })

  const tail = (lines = 40): string => text.split('\n').slice(-lines).join('\n')

  const waitFor = (pattern: RegExp, seconds: number): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const fail = (what: string): void => {
        done()
        reject(new Error(failure([name], `${what}, waiting for ${String(pattern)}`, tail())))
      }
      const look = (): void => {
        const found = pattern.exec(text)
        if (found !== null) {
          done()
          resolve(found)
        } else if (code !== undefined) fail(`ended with ${code}`)
      }
      const timer = setTimeout(() => fail(`did not say it within ${seconds} s`), seconds * 1000)
      const done = (): void => {
        clearTimeout(timer)
        watchers.delete(look)
      }
      watchers.add(look)
      look()
    })

  const stop = async (signal: NodeJS.Signals = 'SIGTERM', seconds = 15): Promise<number> => {
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
    const found = await exited
    clearTimeout(timer)
    return found
  }

  return {
    pid: child.pid ?? -1,
    name,
    text: () => text,
    tail,
    waitFor,
    exited,
    hasExited: () => code !== undefined,
    stop,
  }
}

/** The exit code, or 128 + 9 and the like for a signal, as a shell would give it. */
const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })

const failure = (argv: readonly string[], what: string, output: string): string =>
  `${argv.join(' ')} ${what}. Its last lines:\n${output.split('\n').slice(-40).join('\n')}`
