import { z } from '@hono/zod-openapi'
import {
  commandLineProblem,
  defaultSeedArgument,
  imageParts,
  seedArgumentProblem,
  type Image,
} from '../../core/image.ts'
import { missingParts, type Present } from '../../core/image-catalogue.ts'
import { formatTime } from '../../values/time.ts'
import { checkedBy, fieldsOf, imageName, sha256, time } from './schema.ts'

/** Octets. Kernels and initrds are served from memory; more than this is a wrong file. */
const largestFile = 4 * 1024 ** 3

const file = fieldsOf("an image's file", {
  /** The name in the image's directory; the server has no use for it. */
  file: z.string().min(1).max(255).optional(),
  sha256,
  size: z.int().min(1).max(largestFile).openapi({ description: 'octets', example: 9_400_000 }),
})

/** The arm64 kernel takes 2048 characters (COMMAND_LINE_SIZE), x86 as well; the seed's come on top. */
const longestCommandLine = 1536

/** `image.json`, as `rollcall image import` reads it too. */
export const imageManifestSchema = fieldsOf('an image', {
  schema: z.literal(1).default(1),
  name: imageName,
  arch: z.enum(['x86_64', 'aarch64']),
  kernel: file,
  initrd: file,
  commandLine: checkedBy((text) => textProblem(text, commandLineProblem), {
    example: 'init=/nix/store/…/init console=ttyS0',
  }),
  seedArgument: checkedBy((text) => textProblem(text, seedArgumentProblem), {
    example: defaultSeedArgument,
    description: 'how this image is told its seed: {hostname}, {instance-id} and {seed} are filled',
  }).default(defaultSeedArgument),
}).openapi('ImageManifest')

function textProblem(text: string, check: (text: string) => string | undefined) {
  return text.length > longestCommandLine
    ? `has ${text.length} characters; at most ${longestCommandLine} are passed on whole`
    : check(text)
}

const fileView = z.object({
  sha256: z.string(),
  size: z.int(),
  present: z.boolean().openapi({ description: 'whether its bytes have arrived' }),
})

export const imageSchema = z
  .object({
    name: z.string(),
    arch: z.enum(['x86_64', 'aarch64']),
    kernel: fileView,
    initrd: fileView,
    commandLine: z.string(),
    seedArgument: z.string(),
    created: time,
    ready: z.boolean().openapi({ description: 'whether machines can boot it' }),
    default: z.boolean(),
    missing: z
      .array(z.enum(imageParts))
      .openapi({ description: 'the files that have yet to be sent' }),
  })
  .openapi('Image')
export type ImageView = z.infer<typeof imageSchema>

export function imageView(image: Image, present: Present, isDefault: boolean): ImageView {
  const part = (name: (typeof imageParts)[number]) => ({
    sha256: image.files[name].sha256,
    size: image.files[name].size,
    present: present(image.files[name].sha256),
  })
  return {
    name: image.name,
    arch: image.arch,
    kernel: part('kernel'),
    initrd: part('initrd'),
    commandLine: image.commandLine,
    seedArgument: image.seedArgument,
    created: formatTime(image.created),
    ready: image.ready,
    default: isDefault,
    missing: [...missingParts(image, present)],
  }
}
