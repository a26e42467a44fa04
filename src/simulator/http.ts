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
  /** For a body that is more than its digest. */
  readonly onPiece?: (piece: Buffer) => void
}

export interface HttpAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: IncomingMessage['headers']
  readonly sha256: string
  /** Octets of the body. */
  readonly size: number
  /** Its beginning, at most `kept` octets: all of a document, and nobody needs more of a kernel. */
  readonly head: Buffer
}

const kept = 64 * 1024

/** Refused, broken off, silent for too long, or a status that is none of success. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure'
  readonly status: number | undefined
  /** Seconds, of a Retry-After header. */
  readonly retryAfter: number | undefined

  constructor(message: string, answer?: HttpAnswer) {
    super(message)
    this.status = answer?.status
    const retryAfter = Number(answer?.headers['retry-after'] ?? '')
    this.retryAfter = retryAfter > 0 ? retryAfter : undefined
  }
}

/** @throws HttpFailure without a whole answer of status 200 */
export async function fetchHttp(ask: HttpAsk): Promise<HttpAnswer> {
  const answer = await askHttp(ask)
  if (answer.status === 200) return answer
  throw new HttpFailure(`${ask.method ?? 'GET'} ${ask.url}: status ${answer.status}`, answer)
}

/** Whatever the status. @throws HttpFailure without a whole answer */
export async function askHttp(ask: HttpAsk): Promise<HttpAnswer> {
  const { url, from, method = 'GET', headers, body, signal, idleMs, onPiece } = ask
  const outgoing = request(url, {
    method,
    // A connection for each file: there is no pool to empty at the end.
    agent: new Agent({ keepAlive: false }),
    localAddress: from,
    headers:
      body === undefined ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) },
    signal,
  })
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  outgoing.on('response', resolve).on('error', reject)
  if (idleMs !== undefined) {
    outgoing.setTimeout(idleMs, () => outgoing.destroy(silence(idleMs)))
  }
  outgoing.end(body)
  try {
    const incoming = await promise
    return {
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      ...(await read(incoming, onPiece)),
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    // The network's faults have a code; others are this program's.
    if (!(error instanceof Error && 'code' in error)) throw error
    throw new HttpFailure(`${method} ${url}: ${error.message}`)
  }
}

const silence = (ms: number): Error =>
  Object.assign(new Error(`silent for ${ms} ms`), { code: 'ETIMEDOUT' })

async function read(
  incoming: IncomingMessage,
  onPiece: HttpAsk['onPiece'],
): Promise<Pick<HttpAnswer, 'sha256' | 'size' | 'head'>> {
  const hash = createHash('sha256')
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    hash.update(piece)
    onPiece?.(piece)
    if (size < kept) pieces.push(piece.subarray(0, kept - size))
    size += piece.length
  }
  return { sha256: hash.digest('hex'), size, head: Buffer.concat(pieces) }
}
