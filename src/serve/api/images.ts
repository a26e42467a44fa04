import { createRoute, z } from '@hono/zod-openapi'
import {
  planDefaultImage,
  planDeleteImage,
  planPutImage,
  wantedFiles,
} from '../../core/image-catalogue.ts'
import type { Image } from '../../core/image.ts'
import { newApi, type ManagementDeps } from './context.ts'
import { always, invalid, problem, problems } from './problem.ts'
import { imageManifestSchema, imageSchema, imageView, type ImageView } from './schema-image.ts'
import { fieldsOf, imageName } from './schema.ts'

const params = z.object({ name: imageName })
const image = (description: string) => ({
  description,
  content: { 'application/json': { schema: imageSchema } },
})

const list = createRoute({
  method: 'get',
  path: '/images',
  summary: 'The images that machines can be booted with',
  responses: {
    200: {
      description: 'The newest first',
      content: { 'application/json': { schema: z.object({ images: z.array(imageSchema) }) } },
    },
    ...problems(...always),
  },
})

const get = createRoute({
  method: 'get',
  path: '/images/{name}',
  summary: 'One image',
  request: { params },
  responses: { 200: image('The image'), ...problems(404, 422, ...always) },
})

const put = createRoute({
  method: 'put',
  path: '/images/{name}',
  summary: 'Announce an image by its manifest',
  description:
    'The answer lists under `missing` the files that have yet to be sent. An image that is ready never changes under its name.',
  request: {
    params,
    body: { required: true, content: { 'application/json': { schema: imageManifestSchema } } },
  },
  responses: {
    200: image('As it was'),
    201: image('Announced'),
    ...problems(400, 409, 413, 415, 422, ...always),
  },
})

const remove = createRoute({
  method: 'delete',
  path: '/images/{name}',
  summary: 'Remove an image, and its files unless another image has them too',
  request: { params },
  responses: { 204: { description: 'Removed' }, ...problems(404, 409, 422, ...always) },
})

const setDefault = createRoute({
  method: 'put',
  path: '/default-image',
  summary: 'Choose the image that every machine boots',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: fieldsOf('the default image', { name: imageName }).openapi('DefaultImage'),
        },
      },
    },
  },
  responses: { 200: image('The default'), ...problems(400, 404, 409, 413, 415, 422, ...always) },
})

export function imageRoutes({ store, clock, imageFiles }: ManagementDeps) {
  const api = newApi()
  const view = viewer({ store, imageFiles })

  api.openapi(list, (context) => {
    const images = [...store.facts.images()].sort((a, b) => b.created - a.created)
    return context.json({ images: images.map(view) }, 200)
  })

  api.openapi(get, (context) => {
    const { name } = context.req.valid('param')
    const found = store.facts.image(name)
    if (found === undefined) return problem(context, 404, noImage(name))
    return context.json(view(found), 200)
  })

  api.openapi(put, async (context) => {
    const { name } = context.req.valid('param')
    const { kernel, initrd, schema: _, ...manifest } = context.req.valid('json')
    if (manifest.name !== name) {
      return invalid(context, [
        { field: 'name', problem: `is '${manifest.name}' while the path says '${name}'` },
      ])
    }
    const files = {
      kernel: { sha256: kernel.sha256, size: kernel.size },
      initrd: { sha256: initrd.sha256, size: initrd.size },
    }
    const result = await store.update((facts) =>
      planPutImage(facts, { ...manifest, files }, imageFiles.has, clock()),
    )
    switch (result.outcome) {
      case 'differs':
        return problem(context, 409, {
          detail:
            `image '${name}' is there with another ${result.fields.join(', ')}, and machines may be ` +
            'booting it: give the new one another name',
          conflicts: result.fields.map((field) => ({ field, value: name, holder: name })),
        })
      case 'unchanged':
        return context.json(view(result.image), 200)
      case 'created':
        context.header('Location', `/api/v1/images/${name}`)
        return context.json(view(result.image), 201)
    }
  })

  api.openapi(remove, async (context) => {
    const { name } = context.req.valid('param')
    const result = await store.update((facts) => planDeleteImage(facts, name))
    switch (result) {
      case 'not-found':
        return problem(context, 404, noImage(name))
      case 'is-default':
        return problem(context, 409, `image '${name}' is the default: make another one that first`)
      case 'deleted':
        imageFiles.keepOnly(wantedFiles(store.facts))
        return context.body(null, 204)
    }
  })

  api.openapi(setDefault, async (context) => {
    const { name } = context.req.valid('json')
    const result = await store.update((facts) => planDefaultImage(facts, name, imageFiles.has))
    switch (result.outcome) {
      case 'not-found':
        return problem(context, 404, noImage(name))
      case 'not-ready':
        return problem(
          context,
          409,
          `image '${name}' cannot be booted yet: its ${result.missing.join(' and ')} must be sent first`,
        )
      case 'set':
        return context.json(view(result.image), 200)
    }
  })

  return api
}

export const viewer =
  ({ store, imageFiles }: Pick<ManagementDeps, 'store' | 'imageFiles'>) =>
  (each: Image): ImageView =>
    imageView(each, imageFiles.has, store.facts.defaultImage()?.name === each.name)

export const noImage = (name: string): string => `there is no image '${name}'`
