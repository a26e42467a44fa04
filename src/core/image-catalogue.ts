import type { ImageName, Sha256 } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'
import type { Change, Decided } from './change.ts'
import type { ImageFacts } from './facts.ts'
import { sameData } from './inventory-same.ts'
import { imageParts, type Image, type ImagePart } from './image.ts'

/** What an `image.json` says. */
export type ImageManifest = Omit<Image, 'created' | 'ready'>

/** Whether the bytes with this hash are here. Images may share them. */
export type Present = (sha256: Sha256) => boolean

export type PutImage =
  | {
      readonly outcome: 'created' | 'unchanged'
      readonly image: Image
      /** The files that have yet to be sent. */
      readonly missing: readonly ImagePart[]
    }
  /** An image never changes under its name: a machine half-way through it would get two halves. */
  | { readonly outcome: 'differs'; readonly image: Image; readonly fields: readonly string[] }

export function planPutImage(
  facts: ImageFacts,
  manifest: ImageManifest,
  present: Present,
  now: EpochMs,
): Decided<PutImage> {
  const current = facts.image(manifest.name)
  const image: Image = {
    ...manifest,
    created: current?.created ?? now,
    ready: missingParts(manifest, present).length === 0,
  }
  const fields = current === undefined ? [] : differing(current, manifest)
  // Until it is ready nobody boots it, and a manifest that was wrong can be put right.
  if (current?.ready === true && fields.length > 0) {
    return { changes: [], result: { outcome: 'differs', image: current, fields } }
  }
  const same = current !== undefined && fields.length === 0
  return {
    changes: sameData(current, image) ? [] : changesOf(facts, image),
    result: {
      outcome: same ? 'unchanged' : 'created',
      image,
      missing: missingParts(manifest, present),
    },
  }
}

/** After bytes have arrived: every image that was only waiting for them is ready. */
export function planFileArrived(
  facts: ImageFacts,
  name: ImageName,
  present: Present,
): Decided<Image | undefined> {
  const completed: Image[] = []
  for (const image of facts.images()) {
    if (image.ready || missingParts(image, present).length > 0) continue
    completed.push({ ...image, ready: true })
  }
  // The one that the bytes were sent for goes first: it becomes the default if there is none.
  completed.sort((a, b) => Number(b.name === name) - Number(a.name === name))
  const [first, ...others] = completed
  return {
    changes:
      first === undefined ? [] : [...changesOf(facts, first), ...others.map((image) => put(image))],
    result: completed.find((image) => image.name === name) ?? facts.image(name),
  }
}

export type DefaultImage =
  | { readonly outcome: 'set'; readonly image: Image }
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'not-ready'; readonly missing: readonly ImagePart[] }

export function planDefaultImage(
  facts: ImageFacts,
  name: ImageName,
  present: Present,
): Decided<DefaultImage> {
  const image = facts.image(name)
  if (image === undefined) return { changes: [], result: { outcome: 'not-found' } }
  if (!image.ready) {
    const missing = missingParts(image, present)
    return { changes: [], result: { outcome: 'not-ready', missing } }
  }
  return {
    changes: facts.defaultImage()?.name === name ? [] : [{ kind: 'default-image.set', name }],
    result: { outcome: 'set', image },
  }
}

export type DeleteImage = 'deleted' | 'not-found' | 'is-default'

/** The default image stays: without it no machine boots. */
export function planDeleteImage(facts: ImageFacts, name: ImageName): Decided<DeleteImage> {
  if (facts.image(name) === undefined) return { changes: [], result: 'not-found' }
  if (facts.defaultImage()?.name === name) return { changes: [], result: 'is-default' }
  return { changes: [{ kind: 'image.delete', name }], result: 'deleted' }
}

/** The hashes that some image still needs; bytes under any other can go. */
export function wantedFiles(facts: ImageFacts): ReadonlySet<Sha256> {
  const wanted = new Set<Sha256>()
  for (const image of facts.images()) {
    for (const part of imageParts) wanted.add(image.files[part].sha256)
  }
  return wanted
}

export const missingParts = (image: Pick<Image, 'files'>, present: Present): readonly ImagePart[] =>
  imageParts.filter((part) => !present(image.files[part].sha256))

const put = (image: Image): Change => ({ kind: 'image.put', image })

/** The first image that can be booted is the default: most racks never have to choose. */
function changesOf(facts: ImageFacts, image: Image): readonly Change[] {
  const becomesDefault = image.ready && facts.defaultImage() === undefined
  return becomesDefault
    ? [put(image), { kind: 'default-image.set', name: image.name }]
    : [put(image)]
}

function differing(current: Image, manifest: ImageManifest): readonly string[] {
  const fields = ['arch', 'commandLine', 'seedArgument'] as const
  return [
    ...imageParts.filter((part) => !sameData(current.files[part], manifest.files[part])),
    ...fields.filter((field) => current[field] !== manifest[field]),
  ]
}
