import { OpenAPIHono } from '@hono/zod-openapi'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { auditRoutes } from './audit.ts'
import { bearerToken } from './auth.ts'
import { strictJson } from './body.ts'
import { bootRoutes } from './boots.ts'
import type { ManagementDeps } from './context.ts'
import { eventRoutes } from './events.ts'
import { groupRoutes } from './groups.ts'
import { healthRoutes } from './health.ts'
import { imageUploadRoutes } from './image-upload.ts'
import { imageRoutes } from './images.ts'
import { leaseRoutes } from './leases.ts'
import { machineImportRoutes } from './machines-import.ts'
import { machineRoutes } from './machines.ts'
import { metricsRoutes } from './metrics.ts'
import { problem, thrown } from './problem.ts'
import { statusRoutes } from './status.ts'
import { storedTokenRoutes } from './stored-tokens.ts'
import { subnetRoutes } from './subnets.ts'
import { tokenRoutes } from './tokens.ts'
import { unregisteredRoutes } from './unregistered.ts'

const resources = [
  machineRoutes,
  machineImportRoutes,
  subnetRoutes,
  imageRoutes,
  imageUploadRoutes,
  bootRoutes,
  eventRoutes,
  leaseRoutes,
  unregisteredRoutes,
  tokenRoutes,
  groupRoutes,
  storedTokenRoutes,
  auditRoutes,
  statusRoutes,
] as const

/** The management listener's whole application. Everything but the two health paths needs a token. */
export function managementApp(deps: ManagementDeps): OpenAPIHono {
  const app = new OpenAPIHono()
  const authenticated = bearerToken(deps.store)
  app.onError((error, context) =>
    thrown(context, error, (err) =>
      deps.log.error({ err, path: context.req.path }, 'management request failed'),
    ),
  )
  app.notFound((context) => problem(context, 404, `there is nothing at ${context.req.path}`))
  app.use('/api/*', authenticated, strictJson)
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (context, methods) => {
        context.header('Allow', methods.join(', '))
        return problem(context, 405, `${context.req.path} takes ${methods.join(', ')}`)
      },
    }),
  )
  for (const routes of resources) app.route('/api/v1', routes(deps))
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
  })
  app.doc31('/api/v1/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'rollcall management API',
      version: deps.version,
      license: { name: 'MIT' },
    },
    security: [{ token: [] }],
  })
  app.use('/metrics', authenticated)
  app.route('/', metricsRoutes(deps))
  app.route('/', healthRoutes(deps))
  return app
}
