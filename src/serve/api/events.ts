import { createRoute, z } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { selectMachine } from '../../core/inventory.ts'
import type { BootId } from '../../values/ids.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { follow } from './follow.ts'
import { noMachine } from './machines.ts'
import { always, invalid, problem, problems } from './problem.ts'
import { eventView } from './schema-boot.ts'
import { selector } from './schema.ts'

const position = z.coerce
  .number()
  .int()
  .min(0)
  .optional()
  .openapi({ type: 'integer', description: 'a seq; 0 for all that is kept' })

const stream = createRoute({
  method: 'get',
  path: '/events',
  summary: 'Timeline events as they happen (server-sent events)',
  description:
    'Each message is a TimelineEvent; its id is the place to resume after, as `Last-Event-ID` or `after`. Without either the stream begins with what happens next.',
  request: {
    query: z.object({
      after: position,
      machine: selector.optional(),
      boot: z.string().max(64).optional(),
    }),
    headers: z.object({ 'last-event-id': z.string().max(32).optional() }),
  },
  responses: {
    200: {
      description: 'The stream; a comment line every 15 seconds shows that it lives',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    },
    ...problems(404, 422, ...always),
  },
})

/** A browser or `rollcall … --watch` comes back after so many milliseconds. */
const retry = 2000
const heartbeatMs = 15_000

export function eventRoutes({ store, stopping, log }: ManagementDeps) {
  const api = newApi()

  api.openapi(stream, (context) => {
    const { after, machine: which, boot } = context.req.valid('query')
    const last = context.req.valid('header')['last-event-id']
    if (last !== undefined && !/^\d{1,15}$/.test(last)) {
      return invalid(context, [
        { field: 'Last-Event-ID', problem: `'${last}' is not an id of this stream` },
      ])
    }
    const machine = which === undefined ? undefined : selectMachine(store.facts, which)
    if (which !== undefined && machine === undefined) {
      return problem(context, 404, noMachine(which))
    }
    // A browser that reconnects sends both: the header is the newer.
    const from = last === undefined ? after : Number(last)
    const left = new AbortController()
    const gone = stopping === undefined ? left.signal : AbortSignal.any([left.signal, stopping])
    const events = follow(store, gone, {
      ...(from === undefined ? {} : { after: from }),
      ...(machine === undefined ? {} : { machine: machine.id }),
      ...(boot === undefined ? {} : { boot: boot as BootId }),
      heartbeatMs,
    })
    context.header('X-Accel-Buffering', 'no')
    return streamSSE(context, async (sse) => {
      sse.onAbort(() => left.abort())
      await sse.write(`retry: ${retry}\n\n`)
      try {
        for await (const event of events) {
          if (event === 'idle') await sse.write(': still here\n\n')
          else {
            const data = JSON.stringify(eventView(event, store.facts))
            await sse.writeSSE({ id: String(event.seq), event: 'timeline', data })
          }
        }
      } catch (err) {
        // The reader sees its stream end, and comes back.
        log.error({ err }, 'an event stream broke off')
      }
    })
  })

  return api
}
