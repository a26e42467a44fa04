import { eventually } from '../net/eventually.ts'
import type { Running } from '../net/lab-process.ts'

/** One program of a cluster. It can go away in the middle of a test and come back. */
export interface Part {
  readonly name: string
  readonly isRunning: () => boolean
  /** Starts it and waits until it is ready. */
  readonly start: () => Promise<void>
  /** SIGKILL unless told otherwise: it is gone at once and says goodbye to nobody. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>
  /** All that it has logged, over all its starts. */
  readonly log: () => string
}

/**
 * @param isReady asked again and again until it is true
 * @param seconds after which a part that is not ready fails the test
 */
export function createPart(
  name: string,
  launch: () => Running,
  isReady: (running: Running) => boolean | Promise<boolean>,
  seconds: number,
): Part {
  let current: Running | undefined
  let earlier = ''
  const log = (): string => earlier + (current?.text() ?? '')
  const isRunning = (): boolean => current !== undefined && !current.hasExited()

  const stop: Part['stop'] = async (signal = 'SIGKILL') => {
    if (current === undefined) return
    await current.stop(signal)
    earlier += current.text()
    current = undefined
  }

  const start = async (): Promise<void> => {
    if (isRunning()) throw new Error(`${name} is running already`)
    await stop()
    const launched = launch()
    current = launched
    try {
      await eventually(`${name} that is ready`, seconds, async () => {
        if (launched.hasExited()) throw new Error(`${name} ended`)
        return (await isReady(launched)) || undefined
      })
    } catch (error) {
      throw new Error(`${String(error)}. Its last lines:\n${launched.tail()}`, { cause: error })
    }
  }

  return { name, isRunning, start, stop, log }
}

/** The last lines of each, for a failure's message. */
export const tails = (parts: readonly Part[], lines = 15): string =>
  parts
    .map(
      (part) =>
        `--- ${part.name}${part.isRunning() ? '' : ' (not running)'}\n` +
        part.log().split('\n').slice(-lines).join('\n'),
    )
    .join('\n')
