import { createMiddleware } from 'hono/factory'
import type { Store } from '../../store/store.ts'
import { problem } from './problem.ts'
import { tokenDigest } from './token-text.ts'

/** RFC 6750: a bearer token in the Authorization header, nowhere else (addresses end up in logs). */
export const bearerToken = (store: Pick<Store, 'facts'>) =>
  createMiddleware(async (context, next) => {
    const header = context.req.header('authorization')
    const text = header === undefined ? undefined : /^bearer +(\S+) *$/i.exec(header)?.[1]
    if (text === undefined) {
      context.header('WWW-Authenticate', 'Bearer realm="rollcall"')
      return problem(context, 401, 'send an API token: Authorization: Bearer rollcall_…')
    }
    if (store.facts.apiTokenByDigest(tokenDigest(text)) === undefined) {
      context.header('WWW-Authenticate', 'Bearer realm="rollcall", error="invalid_token"')
      return problem(context, 401, 'this API token is not known here; it may have been revoked')
    }
    await next()
    return undefined
  })
