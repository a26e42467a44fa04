import { Hono } from 'hono'
import type { ManagementDeps } from './context.ts'

/** For load balancers and systemd: no token, no details. */
export function healthRoutes({ ready = () => true }: Pick<ManagementDeps, 'ready'>): Hono {
  return new Hono()
    .get('/healthz', (context) => context.text('ok\n'))
    .get('/readyz', (context) => (ready() ? context.text('ok\n') : context.text('not yet\n', 503)))
}
