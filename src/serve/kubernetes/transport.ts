import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http'
import { Agent, request, type RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import { ClusterError } from './cluster-api.ts'

export interface TransportOptions {
  /** A kubeconfig file; without one, the account of the pod that this runs in. */
  readonly kubeconfig?: string
  /** URLs of API servers to try in turn, instead of the kubeconfig's one. */
  readonly servers?: readonly string[]
  /** How long a request may take, in milliseconds. */
  readonly timeoutMs?: number
}

/** Requests to whichever API server answers. */
export interface Transport {
  /** @throws ClusterError */
  send(method: string, path: string, options: SendOptions): Promise<Answer>
  /** Objects in JSON, one a line, until the server ends it. @throws ClusterError */
  lines(path: string, signal: AbortSignal): AsyncGenerator
  close(): void
}

interface SendOptions {
  readonly body?: unknown
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly body: unknown
}

const defaultTimeoutMs = 15_000
/** A quiet watch has a bookmark about once a minute: silence for longer is a dead connection. */
const watchSilenceMs = 150_000
/** A page of 250 nodes with all their images has some 10 MB. */
const mostOctets = 64 << 20
const mostLine = 8 << 20

/** @throws Error when there is no usable kubeconfig, in words that say so */
export function openTransport(options: TransportOptions): Transport {
  const { timeoutMs = defaultTimeoutMs } = options
  let config = loadConfig(options)
  const servers = serversOf(config, options)
  let current = 0
  const agents = { https: new Agent({ keepAlive: true }), http: new HttpAgent({ keepAlive: true }) }

  async function ask(method: string, path: string, how: SendOptions): Promise<IncomingMessage> {
    const server = new URL(servers[current % servers.length] ?? '')
    const settings: RequestOptions = {}
    await config.applyToHTTPSOptions(settings)
    const isProxied = config.getCurrentCluster()?.proxyUrl !== undefined
    const isPlain = server.protocol === 'http:'
    const agent = isProxied ? settings.agent : isPlain ? agents.http : agents.https
    const base = server.pathname.replace(/\/$/, '')
    const text = how.body === undefined ? undefined : JSON.stringify(how.body)
    return new Promise((answered, failed) => {
      const sent = (isPlain ? httpRequest : request)(new URL(base + path, server), {
        ...settings,
        ...(agent === undefined ? {} : { agent }),
        method,
        signal: how.signal,
        headers: {
          ...(settings.headers as OutgoingHttpHeaders | undefined),
          accept: 'application/json',
          'user-agent': 'rollcall',
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      })
      sent.on('response', answered)
      sent.on('error', failed)
      sent.end(text)
    })
  }

  /** Every server in turn, once; all that rollcall asks for may be asked twice. */
  async function tryEach<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    let failure = new ClusterError('unreachable', 'there is no API server')
    for (let left = servers.length; left > 0; left -= 1) {
      try {
        return await attempt()
      } catch (error) {
        signal.throwIfAborted()
        failure = failureOf(error, servers[current % servers.length])
        if (failure.kind !== 'unreachable') throw failure
        current += 1
      }
    }
    throw failure
  }

  return {
    send: (method, path, how) =>
      tryEach(how.signal, async () => {
        const limit = AbortSignal.any([how.signal, AbortSignal.timeout(timeoutMs)])
        const response = await ask(method, path, { ...how, signal: limit })
        const status = response.statusCode ?? 0
        const body = await readJson(response)
        if (status === 401) config = loadConfig(options) // its certificate may have been renewed
        failUnlessAnswered(status, body)
        return { status, body }
      }),

    async *lines(path, signal) {
      const response = await tryEach(signal, async () => {
        const started = new AbortController()
        const timer = setTimeout(() => started.abort(), timeoutMs)
        const stop = (): void => started.abort()
        signal.addEventListener('abort', stop, { once: true })
        try {
          const opened = await ask('GET', path, { signal: started.signal })
          opened.once('close', () => signal.removeEventListener('abort', stop))
          const status = opened.statusCode ?? 0
          if (status !== 200) {
            const body = await readJson(opened)
            if (status === 410) throw new ClusterError('expired', reasonOf(status, body))
            failUnlessAnswered(status, body)
            throw new ClusterError('unexpected', reasonOf(status, body))
          }
          return opened
        } catch (error) {
          signal.removeEventListener('abort', stop)
          throw error
        } finally {
          clearTimeout(timer)
        }
      })
      response.setTimeout(watchSilenceMs, () =>
        response.destroy(new Error('the watch fell silent')),
      )
      try {
        yield* readLines(response)
      } catch (error) {
        signal.throwIfAborted()
        throw failureOf(error, 'the watch')
      } finally {
        response.destroy()
      }
    },

    close() {
      agents.https.destroy()
      agents.http.destroy()
    },
  }
}

function loadConfig({ kubeconfig }: TransportOptions): KubeConfig {
  const config = new KubeConfig()
  if (kubeconfig !== undefined) {
    try {
      config.loadFromFile(kubeconfig)
    } catch (error) {
      throw new Error(`cluster.kubeconfig ${kubeconfig}: ${(error as Error).message}`, {
        cause: error,
      })
    }
    return config
  }
  config.loadFromCluster()
  // Kubernetes puts its address into every pod; elsewhere client-node makes one up.
  if (!URL.canParse(config.getCurrentCluster()?.server ?? '')) {
    throw new Error(
      'cluster.kubeconfig is missing, and this is no pod, which would have an account',
    )
  }
  return config
}

function serversOf(config: KubeConfig, { servers = [] }: TransportOptions): readonly string[] {
  if (servers.length > 0) return servers
  const server = config.getCurrentCluster()?.server
  if (server === undefined) throw new Error('the kubeconfig names no cluster')
  return [server]
}

/** @throws ClusterError for what is no answer to the question that was asked */
function failUnlessAnswered(status: number, body: unknown): void {
  if (status === 401 || status === 403) throw new ClusterError('refused', reasonOf(status, body))
  // Over its load, or on its way up or down: the same again a little later.
  if (status === 429 || status >= 500) throw new ClusterError('unreachable', reasonOf(status, body))
}

/** Messages about a body may repeat it, and there are secrets in some: only a refusal's is told. */
function reasonOf(status: number, body: unknown): string {
  const { reason, message } = (body ?? {}) as { reason?: unknown; message?: unknown }
  const said = status === 401 || status === 403 ? message : reason
  return typeof said === 'string' ? `${status}: ${said.slice(0, 300)}` : `${status}`
}

const failureOf = (error: unknown, server: string | undefined): ClusterError => {
  if (error instanceof ClusterError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new ClusterError('unreachable', `${server}: ${reason}`, { cause: error })
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > mostOctets) throw new ClusterError('unexpected', 'the answer has no end')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  } catch {
    // A proxy's page in HTML, or an answer that was cut off.
    return undefined
  }
}

async function* readLines(response: IncomingMessage): AsyncGenerator {
  let held: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...held, chunk.subarray(from, end)]).toString('utf8')
      held = []
      length = 0
      from = end + 1
      if (line.trim() !== '') yield parseLine(line)
    }
    held.push(chunk.subarray(from))
    length += chunk.length - from
    if (length > mostLine) throw new ClusterError('unexpected', 'a line has no end')
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    throw new ClusterError('unexpected', 'a line of the watch is not JSON')
  }
}
