import { createHash } from 'node:crypto'
import { askHttp } from '../simulator/http.ts'

/** How the server takes what no machine of the rack does. */

/**
 * Asks for a machine's seed from an address that is not its own.
 * @returns the status, which ought to be 403
 */
export async function stealSeed(seed: string, from: string, signal: AbortSignal): Promise<number> {
  const answer = await askHttp({ url: `${seed}meta-data`, from, headers: {}, signal })
  return answer.status
}

const parts = 3

/**
 * Fetches a file in parts that follow each other, as a download that breaks off is taken up again.
 * @returns the SHA-256 of the whole, or what was wrong
 */
export async function fetchInRanges(
  url: string,
  from: string,
  signal: AbortSignal,
): Promise<{ readonly sha256: string } | { readonly problem: string }> {
  const head = await askHttp({ url, from, method: 'HEAD', headers: {}, signal })
  const size = Number(head.headers['content-length'])
  const { etag } = head.headers
  if (!(size > 0) || etag === undefined) {
    return { problem: `HEAD ${url}: no Content-Length, or no ETag` }
  }
  const hash = createHash('sha256')
  const step = Math.ceil(size / parts)
  for (let start = 0; start < size; start += step) {
    const end = Math.min(start + step, size) - 1
    const headers = { Range: `bytes=${start}-${end}`, 'If-Range': etag }
    const part = await askHttp({
      url,
      from,
      headers,
      signal,
      onPiece: (piece) => hash.update(piece),
    })
    if (part.status !== 206 || part.headers['content-range'] !== `bytes ${start}-${end}/${size}`) {
      return { problem: `GET ${url}, ${headers.Range}: status ${part.status}` }
    }
  }
  return { sha256: hash.digest('hex') }
}
