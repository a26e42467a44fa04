import { createHash } from 'node:crypto'
import { askHttp, HttpFailure } from '../simulator/http.ts'
import type { Row } from './demo-table.ts'

/** Milliseconds. */
const patience = 10_000

/**
 * What no machine of the rack does by itself: the stranger asks for another machine's seed, and takes
 * the initrd in parts, as a download that breaks off is taken up again.
 * @param initrd its URL and its SHA-256
 * @returns a sentence for everything that is wrong
 */
export async function probe(
  rows: readonly Row[],
  initrd: { readonly url: string; readonly sha256: string },
): Promise<readonly string[]> {
  const seed = rows.findLast(({ progress }) => progress.stage === 'up')?.progress.seed
  const from = rows.find(({ hostname }) => hostname === undefined)?.progress.address
  if (seed === undefined || from === undefined) {
    return ['nobody could ask for a seed from a wrong address, for want of a seed or an address']
  }
  const signal = AbortSignal.timeout(patience)
  try {
    const found: string[] = []
    const ask = { from, headers: {}, signal }
    const user = await askHttp({ ...ask, url: `${seed}user-data` })
    if (user.status !== 200 || user.size !== 0) {
      found.push('user-data was asked for from a wrong address, and something came')
    }
    const home = await askHttp({
      ...ask,
      url: `${seed}phone-home`,
      method: 'POST',
      body: 'hostname=x',
    })
    if (home.status !== 403) {
      found.push(`a wrong address phoned home for another machine: ${home.status}, not 403`)
    }
    const whole = await fetchInRanges(initrd.url, from, signal)
    if ('problem' in whole) found.push(whole.problem)
    else if (whole.sha256 !== initrd.sha256) found.push('the initrd in ranges is another one')
    return found
  } catch (error) {
    if (error instanceof HttpFailure) return [error.message]
    throw error
  }
}

const parts = 3

async function fetchInRanges(
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
