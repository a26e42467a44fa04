import { setTimeout as sleep } from 'node:timers/promises'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { EventView } from '../serve/api/schema-boot.ts'
import { ApiError, type ApiClient } from './client.ts'

/** Milliseconds. The server says "still here" every 15 s; after this much silence the line is dead. */
const patience = 40_000

/** What a watcher gets: events, and each time that it is (again) in touch with the server. */
export type Watched =
  { readonly kind: 'connected' } | { readonly kind: 'event'; readonly event: EventView }

/**
 * Timeline events, for ever: when the connection breaks it is made again after the last event, so that
 * nothing is missed or told twice.
 *
 * @param query `machine=…`, `boot=…`, `after=…`
 * @param lost told once for each time that the server is lost
 * @param signal ends it
 * @throws ApiError when the server says no
 */
export async function* watchEvents(
  client: ApiClient,
  query: URLSearchParams,
  lost: (error: Error) => void,
  signal?: AbortSignal,
): AsyncIterable<Watched> {
  let last: string | undefined
  let retry = 2000
  let isLost = false
  for (;;) {
    if (signal?.aborted) return
    const abort = new AbortController()
    const end = () => abort.abort()
    signal?.addEventListener('abort', end)
    try {
      const headers = { accept: 'text/event-stream', ...(last && { 'last-event-id': last }) }
      const response = await client.open(`/events?${query.toString()}`, headers, abort.signal)
      isLost = false
      yield { kind: 'connected' }
      const messages: EventSourceMessage[] = []
      const parser = createParser({
        onEvent: (message) => messages.push(message),
        onRetry: (ms) => {
          retry = ms
        },
      })
      for await (const text of textOf(response, abort)) {
        parser.feed(text)
        for (const message of messages.splice(0)) {
          last = message.id ?? last
          yield { kind: 'event', event: JSON.parse(message.data) as EventView }
        }
      }
    } catch (error) {
      // 503 is a server that is just coming or going.
      if (error instanceof ApiError && error.status !== 503) throw error
      if (signal?.aborted) return
      if (!isLost) lost(error instanceof Error ? error : new Error(String(error)))
      isLost = true
    } finally {
      signal?.removeEventListener('abort', end)
      abort.abort()
    }
    await sleep(retry)
  }
}

async function* textOf(response: Response, abort: AbortController): AsyncIterable<string> {
  if (response.body === null) return
  const decoder = new TextDecoder()
  const silent = () => abort.abort(new Error('the server has gone silent'))
  let timer = setTimeout(silent, patience)
  try {
    for await (const chunk of response.body) {
      clearTimeout(timer)
      timer = setTimeout(silent, patience)
      yield decoder.decode(chunk, { stream: true })
    }
  } finally {
    clearTimeout(timer)
  }
}
