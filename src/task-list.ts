import type { Logger } from 'pino'

/** Something that runs until it is stopped. */
export interface Task {
  readonly stop: (options?: { readonly drainMs?: number }) => Promise<void>
}

/** What runs, and what it leans on, so that all of it can be stopped, also half-way through a start. */
export class TaskList {
  readonly #log: Logger
  readonly #tasks: { readonly name: string; readonly task: Task }[] = []
  readonly #closers: (() => Promise<void> | void)[] = []

  constructor(log: Logger) {
    this.#log = log
  }

  add<T extends Task>(name: string, task: T): T {
    this.#tasks.push({ name, task })
    return task
  }

  /** To be closed after all tasks have ended, the last one first. */
  closeAfter(close: () => Promise<void> | void): void {
    this.#closers.push(close)
  }

  /** All tasks at once, since each may take its time to finish what is under way. */
  async stop(drainMs: number): Promise<void> {
    await Promise.all(
      this.#tasks.splice(0).map(({ name, task }) =>
        task.stop({ drainMs }).catch((error: unknown) => {
          this.#log.error({ err: error }, `${name} did not stop well`)
        }),
      ),
    )
    for (const close of this.#closers.splice(0).reverse()) await close()
  }
}

/**
 * Starts a listener, and says in words what to change if the system refuses it.
 * @param key the key of the configuration that names the port
 * @throws Error
 */
export async function listening<T>(what: string, key: string, start: () => Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const advice = code === undefined ? undefined : advices[code]
    if (advice === undefined) throw error
    throw new Error(
      `${what}: ${message}; ${advice} (${key}; 'rollcall doctor' looks at all ports)`,
      {
        cause: error,
      },
    )
  }
}

const advices: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken: stop the program that has it, or choose another port',
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE, or choose another port',
  EADDRNOTAVAIL: 'this host does not have that address: choose one that it has',
}
