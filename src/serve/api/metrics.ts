import { Hono } from 'hono'
import type { ManagementDeps } from './context.ts'

/** For Prometheus, which can send a bearer token. */
export function metricsRoutes({ metrics }: Pick<ManagementDeps, 'metrics'>): Hono {
  const api = new Hono()
  if (metrics === undefined) return api
  return api.get('/metrics', async (context) =>
    context.body(await metrics.metrics(), 200, { 'Content-Type': metrics.contentType }),
  )
}
