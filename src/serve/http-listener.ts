import { createServer, type Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'

export interface HttpListenerOptions {
  /** A Hono application, whatever its types are. */
  readonly app: Pick<Parameters<typeof createAdaptorServer>[0], 'fetch'>
  /** An address of this host; empty or `::` for all. */
  readonly address: string
  /** 0 takes a free one. */
  readonly port: number
  /** Connections at once; further ones are closed as they come. */
  readonly maxConnections?: number
  /** Milliseconds in which a request's head must have arrived. */
  readonly headersTimeout?: number
  /** Milliseconds in which a whole request must have arrived, its body included. */
  readonly requestTimeout?: number
  /**
   * Milliseconds without an octet in either direction, after which a connection is closed: a machine
   * that lost its power half-way says nothing. 0 for never.
   */
  readonly idleTimeout?: number
}

export interface HttpListener {
  readonly address: string
  readonly port: number
  readonly connections: () => Promise<number>
  /** Takes no more connections; an answer that still runs after `drainMs` milliseconds is cut off. */
  readonly stop: (options?: { readonly drainMs?: number }) => Promise<void>
}

/**
 * Connections that may wait to be taken; the kernel caps it at net.core.somaxconn. With Node's own 511 most of
 * a rack that asks at the same moment is left to TCP's retries, which take up to a minute.
 */
const backlog = 16_384

/** @throws the system's error if the address and port cannot be had (EADDRINUSE, EACCES, …) */
export async function startHttpListener({
  app,
  address,
  port,
  maxConnections = 16_384,
  headersTimeout = 10_000,
  requestTimeout = 30_000,
  idleTimeout = 60_000,
}: HttpListenerOptions): Promise<HttpListener> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    serverOptions: { headersTimeout, requestTimeout, connectionsCheckingInterval: 1000 },
  }) as Server
  server.maxConnections = maxConnections
  server.timeout = idleTimeout
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, backlog, ...(address === '' ? {} : { host: address }) }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('not a TCP listener')
  let stopping: Promise<void> | undefined

  const stopNow = (drainMs: number): Promise<void> =>
    new Promise((resolve) => {
      const cutOff = setTimeout(() => server.closeAllConnections(), drainMs)
      // One that ends its answer now would be kept for the client's next request.
      const sweep = setInterval(() => server.closeIdleConnections(), 50)
      server.close(() => {
        clearTimeout(cutOff)
        clearInterval(sweep)
        resolve()
      })
    })

  return {
    address: bound.address,
    port: bound.port,
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    stop: ({ drainMs = 5000 } = {}) => (stopping ??= stopNow(drainMs)),
  }
}
