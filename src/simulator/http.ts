import { createHash } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'

/** An HTTP/1.1 request as a firmware, iPXE or cloud-init makes it. */
export interface HttpAsk {
  readonly url: string
  /** The address that it speaks from, which is how the server knows it. */
  readonly from: string
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
  /** Milliseconds without an octet; without it, for ever. */
  readonly idleMs?: number
}

export interface HttpAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: IncomingMessage['headers']
  readonly bytes: Buffer
}

/** What came of a large file, of which only this is worth keeping. */
export interface Digest {
  readonly sha256: string
  readonly bytes: number
}

/** @throws HttpFailure, when there is no whole answer */
export async function fetchHttp(ask: HttpAsk): Promise<HttpAnswer> {
  const pieces: Buffer[] = []
  const { status, headers } = await exchange(ask, (piece) => pieces.push(piece))
  return { status, headers, bytes: Buffer.concat(pieces) }
}

/** The same for a body too large to keep. @throws HttpFailure */
export async function digestHttp(
  ask: HttpAsk,
): Promise<Digest & Pick<HttpAnswer, 'status' | 'headers'>> {
  const hash = createHash('sha256')
  let bytes = 0
  const { status, headers } = await exchange(ask, (piece) => {
    hash.update(piece)
    bytes += piece.length
  })
  return { status, headers, sha256: hash.digest('hex'), bytes }
}

/** Refused, broken off, or silent for too long. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure'
}

/** Each of these clients opens a connection for each file, so that no pool has to be emptied at the end. */
async function exchange(
  ask: HttpAsk,
  onPiece: (piece: Buffer) => void,
): Promise<Pick<HttpAnswer, 'status' | 'headers'>> {
  const { url, from, method = 'GET', headers, body, signal, idleMs } = ask
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const outgoing = request(url, {
    method,
    agent: new Agent({ keepAlive: false }),
    localAddress: from,
    headers: body === undefined ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) },
    signal,
  })
  outgoing.on('response', resolve).on('error', reject)
  if (idleMs !== undefined) {
    outgoing.setTimeout(idleMs, () => outgoing.destroy(new Error(`silent for ${idleMs} ms`)))
  }
  outgoing.end(body)
  try {
    const incoming = await promise
    for await (const piece of incoming) onPiece(piece as Buffer)
    return { status: incoming.statusCode ?? 0, headers: incoming.headers }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw new HttpFailure(`${method} ${url}: ${(error as Error).message}`)
  }
}
