import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startHttpListener } from '../../../src/serve/http-listener.ts'
import type { Store } from '../../../src/store/store.ts'
import { management } from './management.ts'
import { ack, addMachine, happen, offer, script } from './timeline.ts'

type Management = Awaited<ReturnType<typeof management>>

/** Reads messages off a stream, as many as are asked for. */
function reading(response: Response) {
  const messages: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (message) => messages.push(message) })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const next = async (count: number): Promise<readonly { id: number; kind: string }[]> => {
    while (messages.length < count) {
      const { done, value } = await reader.read()
      if (done) throw new Error(`the stream ended after ${messages.length} messages`)
      parser.feed(value)
    }
    return messages.splice(0, count).map(({ id, data }) => {
      const { seq, kind } = JSON.parse(data) as { seq: number; kind: string }
      expect(Number(id)).toBe(seq)
      return { id: seq, kind }
    })
  }
  const ended = async (): Promise<boolean> => (await reader.read()).done
  return { next, ended, cancel: () => reader.cancel() }
}

const ids = (messages: readonly { id: number }[]) => messages.map(({ id }) => id)

async function open({ call }: Management, query = '', headers: Record<string, string> = {}) {
  const response = await call('GET', `/events${query}`, undefined, headers)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const stream = reading(response)
  onTestFinished(() => stream.cancel())
  return stream
}

async function withMachines() {
  const api = await management()
  await addMachine(api.store, 1)
  await addMachine(api.store, 2)
  return api
}

describe('the stream', () => {
  test('begins with what happens next', async () => {
    const api = await withMachines()
    await happen(api.store, 1, offer)
    const stream = await open(api)
    await happen(api.store, 1, ack, script)
    expect(await stream.next(2)).toEqual([
      { id: 2, kind: 'dhcp.ack' },
      { id: 3, kind: 'script.sent' },
    ])
  })

  test.for([
    ['after', '?after=1', {}],
    ['Last-Event-ID', '', { 'last-event-id': '1' }],
    ['Last-Event-ID rather than after', '?after=0', { 'last-event-id': '1' }],
  ] as const)('resumes by %s, without a gap and without a repeat', async ([, query, headers]) => {
    const api = await withMachines()
    await happen(api.store, 1, offer, ack)
    const stream = await open(api, query, headers)
    const later = happen(api.store, 2, offer, ack, script)
    expect(ids(await stream.next(4))).toEqual([2, 3, 4, 5])
    await later
  })

  test('catches up over many pages while more is happening', async () => {
    const api = await withMachines()
    await happen(api.store, 1, offer, ...Array<typeof ack>(449).fill(ack))
    const stream = await open(api, '?after=0')
    const more = happen(api.store, 2, offer, ...Array<typeof ack>(149).fill(ack))
    const seen = ids(await stream.next(600))
    await more
    expect(seen).toEqual(Array.from({ length: 600 }, (_, index) => index + 1))
  })

  test('keeps to one machine, or to one boot', async () => {
    const api = await withMachines()
    await happen(api.store, 1, offer)
    await happen(api.store, 2, offer)
    const boot = api.store.facts.latestBoot([...api.store.facts.machines()][0]!.id)!.id
    const byMachine = await open(api, '?after=0&machine=w2')
    const byBoot = await open(api, `?boot=${boot}`)
    await happen(api.store, 2, ack)
    await happen(api.store, 1, ack)
    expect(ids(await byMachine.next(2))).toEqual([2, 3])
    expect(ids(await byBoot.next(1))).toEqual([4])
  })

  test.for([
    ['?after=-1', {}, 422],
    ['?after=x', {}, 422],
    ['', { 'last-event-id': 'x' }, 422],
    ['?machine=nobody', {}, 404],
  ] as const)('%s %j: %d', async ([query, headers, status]) => {
    const api = await withMachines()
    expect((await api.call('GET', `/events${query}`, undefined, headers)).status).toBe(status)
  })
})

/** Counts who listens. */
function counting() {
  const listeners = new Set<symbol>()
  const served = (store: Store): Store => ({
    get facts() {
      return store.facts
    },
    update: (decide) => store.update(decide),
    boots: (query) => store.boots(query),
    boot: (id) => store.boot(id),
    events: (query) => store.events(query),
    audit: (query) => store.audit(query),
    subscribe: (listener) => {
      const self = Symbol('listener')
      listeners.add(self)
      const stop = store.subscribe(listener)
      return () => {
        listeners.delete(self)
        stop()
      }
    },
    prune: (keepBoots) => store.prune(keepBoots),
    close: () => store.close(),
  })
  const settles = async (wanted: number) => {
    for (let waited = 0; listeners.size !== wanted && waited < 5000; waited += 10) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return listeners.size
  }
  return { served, settles }
}

describe('a reader that goes', () => {
  test('over a real connection leaves no subscription behind', async () => {
    const { served, settles } = counting()
    const api = await management({}, served)
    const listener = await startHttpListener({ app: api.app, address: '127.0.0.1', port: 0 })
    onTestFinished(() => listener.stop({ drainMs: 0 }))
    const abort = new AbortController()
    const readers = await Promise.all(
      Array.from({ length: 5 }, () =>
        fetch(`http://127.0.0.1:${listener.port}/api/v1/events`, {
          headers: { authorization: `Bearer ${api.token}` },
          signal: abort.signal,
        }),
      ),
    )
    expect(readers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(await settles(5)).toBe(5)
    abort.abort()
    expect(await settles(0)).toBe(0)
  })

  test('is let go when the server stops', async () => {
    const { served, settles } = counting()
    const stopping = new AbortController()
    const api = await management({ stopping: stopping.signal }, served)
    const stream = await open(api)
    stopping.abort()
    expect(await settles(0)).toBe(0)
    while (!(await stream.ended())) {
      // What was already on its way.
    }
    const late = await api.call('GET', '/events')
    expect(await late.text()).toBe('retry: 2000\n\n')
  })
})

test('a reader that does not read holds no more than a page', async () => {
  const { served, settles } = counting()
  let pages = 0
  const api = await management({}, (store) => {
    const counted = served(store)
    return {
      ...counted,
      get facts() {
        return store.facts
      },
      events: (query) => {
        pages += 1
        return counted.events(query)
      },
    }
  })
  await addMachine(api.store, 1)
  const response = await api.call('GET', '/events?after=0')
  await happen(api.store, 1, offer, ...Array<typeof ack>(999).fill(ack))
  await settles(1)
  expect(pages).toBeLessThan(5)
  const stream = reading(response)
  expect(ids(await stream.next(1000)).at(-1)).toBe(1000)
  await stream.cancel()
  expect(await settles(0)).toBe(0)
})
