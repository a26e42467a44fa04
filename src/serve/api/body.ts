import { createMiddleware } from 'hono/factory'
import { bodyLimit } from 'hono/body-limit'
import { every } from 'hono/combine'
import { problem } from './problem.ts'

/** Octets. Room for an import of ten thousand machines. */
const largestJson = 4 * 1024 ** 2

const isJson = /^application\/([a-z.-]+\+)?json\b/i

const limit = bodyLimit({
  maxSize: largestJson,
  onError: (context) => problem(context, 413, `a JSON body has at most ${largestJson} octets here`),
})

/** RFC 8259, 8.1: JSON between systems is UTF-8. `json()` would quietly take U+FFFD for the rest. */
const strictUtf8 = createMiddleware(async (context, next) => {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(await context.req.arrayBuffer())
  } catch {
    return problem(context, 400, 'the body is not UTF-8')
  }
  await next()
  return undefined
})

const strict = every(limit, strictUtf8)

/** Before any JSON body is looked into. Image files are no JSON and have their manifest's limits. */
export const strictJson = createMiddleware(async (context, next) =>
  isJson.test(context.req.header('content-type') ?? '') ? strict(context, next) : next(),
)
