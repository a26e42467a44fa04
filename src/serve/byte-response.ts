import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { parseByteRange } from './byte-range.ts'

export interface ByteBody {
  readonly bytes: Uint8Array
  /** What the bytes hash to; the strong ETag. */
  readonly sha256: string
}

export interface ByteTransfer {
  /** `part` is a range that went out and ended before the file: the client has more to ask for. */
  readonly outcome: 'sent' | 'part' | 'broken'
  /** Octets handed to the socket; up to two slices may not have left it. */
  readonly bytes: number
}

/** The reason on the timeline for `broken`. */
export const brokenOff = 'the connection broke off'

/**
 * Answers GET and HEAD with bytes from memory: ranges, ETag, If-Range, If-None-Match.
 * @param onEnd called once when a body has gone out or broken off; never for HEAD, 304 and 416
 */
export function byteResponse(
  c: Context,
  { bytes, sha256 }: ByteBody,
  onEnd: (transfer: ByteTransfer) => void,
): Response {
  const etag = `"${sha256}"`
  const headers = {
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Content-Type': 'application/octet-stream',
  }
  if (isCached(c.req.header('If-None-Match'), etag)) return c.body(null, 304, headers)
  if (c.req.method === 'HEAD') {
    return c.body(null, 200, { ...headers, 'Content-Length': String(bytes.length) })
  }
  // RFC 9110 13.1.5: on another entity tag, or on a date, the range does not count.
  const current = [undefined, etag].includes(c.req.header('If-Range'))
  const range = parseByteRange(current ? c.req.header('Range') : undefined, bytes.length)
  switch (range.kind) {
    case 'unsatisfiable':
      return c.body(null, 416, { ...headers, 'Content-Range': `bytes */${bytes.length}` })
    case 'whole': {
      const body = slices(c, bytes, 0, bytes.length, onEnd)
      return c.body(body, 200, { ...headers, 'Content-Length': String(bytes.length) })
    }
    case 'part': {
      const { from, to } = range
      return c.body(slices(c, bytes, from, to, onEnd), 206, {
        ...headers,
        'Content-Length': String(to - from),
        'Content-Range': `bytes ${from}-${to - 1}/${bytes.length}`,
      })
    }
  }
}

/** RFC 9110 13.1.2: a weak comparison, so `W/` does not matter. */
const isCached = (header: string | undefined, etag: string): boolean =>
  header?.split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim())) ?? false

const sliceSize = 1024 * 1024

/**
 * Slices of the one shared buffer, cut when the socket asks for more: a file stream costs four times
 * the processor time, and a slow reader must not hold a copy.
 */
function slices(
  c: Context,
  bytes: Uint8Array,
  from: number,
  to: number,
  onEnd: (transfer: ByteTransfer) => void,
): ReadableStream<Uint8Array> {
  let at = from
  const end = (complete: boolean): void =>
    onEnd({
      outcome: !complete ? 'broken' : to === bytes.length ? 'sent' : 'part',
      bytes: at - from,
    })

  // The stream ends when the last slice is handed over; only the socket knows whether it went out.
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  outgoing?.once('close', () => end(outgoing.writableFinished))

  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const next = Math.min(at + sliceSize, to)
        controller.enqueue(bytes.subarray(at, next))
        at = next
        if (at < to) return
        controller.close()
        if (outgoing === undefined) end(true)
      },
      cancel: () => {
        if (outgoing === undefined) end(false)
      },
    },
    { highWaterMark: 0 },
  )
}
