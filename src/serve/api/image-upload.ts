import { createRoute, z } from '@hono/zod-openapi'
import { planFileArrived, wantedFiles } from '../../core/image-catalogue.ts'
import { imageParts } from '../../core/image.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { noImage, viewer } from './images.ts'
import { always, invalid, problem, problems } from './problem.ts'
import { imageSchema } from './schema-image.ts'
import { imageName } from './schema.ts'

const upload = createRoute({
  method: 'put',
  path: '/images/{name}/files/{part}',
  summary: "Send one of an image's files",
  description:
    'The bytes must be those that the manifest promised. With the last one the image is ready, and becomes the default if there is none.',
  request: {
    params: z.object({ name: imageName, part: z.enum(imageParts) }),
    body: {
      required: true,
      content: {
        'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
      },
    },
  },
  responses: {
    200: {
      description: 'Kept',
      content: { 'application/json': { schema: imageSchema } },
    },
    ...problems(404, 415, 422, 507, ...always),
  },
})

export function imageUploadRoutes({ store, imageFiles }: ManagementDeps) {
  const api = newApi()
  const view = viewer({ store, imageFiles })

  api.openapi(upload, async (context) => {
    const { name, part } = context.req.valid('param')
    const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
    if (type !== 'application/octet-stream') {
      return problem(context, 415, 'send the bytes as application/octet-stream')
    }
    const image = store.facts.image(name)
    if (image === undefined) {
      return problem(context, 404, `${noImage(name)}; put its manifest first`)
    }
    const promised = image.files[part]
    const announced = context.req.header('content-length')
    if (announced !== undefined && Number(announced) !== promised.size) {
      const text = `has ${announced} octets and not the ${promised.size} of the manifest`
      return invalid(context, [{ field: part, problem: text }])
    }
    try {
      const received = await imageFiles.receive(context.req.raw.body ?? noBytes(), promised)
      if (received !== 'kept') return invalid(context, [{ field: part, ...received }])
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      return problem(
        context,
        507,
        `there is no room for ${promised.size} octets of ${name}'s ${part}`,
      )
    }
    const updated = await store.update((facts) => planFileArrived(facts, name, imageFiles.has))
    if (updated === undefined) {
      imageFiles.keepOnly(wantedFiles(store.facts))
      return problem(context, 404, `${noImage(name)} any more: it was removed meanwhile`)
    }
    return context.json(view(updated), 200)
  })

  return api
}

async function* noBytes(): AsyncIterable<Uint8Array> {}
