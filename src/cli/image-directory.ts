import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { join } from 'node:path'
import { imageParts, type ImagePart } from '../core/image.ts'
import { CliError } from './error.ts'
import { readText } from './options.ts'

interface ManifestFile {
  readonly file: string
  readonly sha256: string
  readonly size: number
}

type Manifest = { readonly name: string } & Readonly<Record<ImagePart, ManifestFile>>

export interface ImageDirectory {
  /** As it stands in `image.json`, with whatever else is there: the server has the last word. */
  readonly manifest: Manifest
  readonly paths: Readonly<Record<ImagePart, string>>
}

/** @throws CliError unless both files are there, and are those that `image.json` means */
export async function readImageDirectory(directory: string): Promise<ImageDirectory> {
  const manifest = readManifest(join(directory, 'image.json'))
  const paths = {
    kernel: join(directory, manifest.kernel.file),
    initrd: join(directory, manifest.initrd.file),
  }
  for (const part of imageParts) await check(paths[part], manifest[part])
  return { manifest, paths }
}

/** Looks only for what it needs itself: the server checks the rest, and says which field it is. */
function readManifest(path: string): Manifest {
  const text = readText(path)
  let manifest: Partial<Record<string, unknown>> | null
  try {
    manifest = JSON.parse(text) as typeof manifest
  } catch (error) {
    throw new CliError(`${path} is not JSON: ${(error as Error).message}`)
  }
  if (typeof manifest?.['name'] !== 'string') throw new CliError(`${path}: name is missing`)
  for (const part of imageParts) {
    const { file, sha256, size } = (manifest[part] ?? {}) as Partial<Record<string, unknown>>
    const isGiven = { file: typeof file === 'string', sha256: typeof sha256 === 'string' }
    for (const [field, given] of Object.entries({ ...isGiven, size: typeof size === 'number' })) {
      if (!given) throw new CliError(`${path}: ${part}.${field} is missing`)
    }
    // What an image.json from elsewhere names must not be any file of this host.
    if (/[/\\]|^\.*$/.test(file as string)) {
      throw new CliError(
        `${path}: ${part}.file is '${String(file)}': it must be the plain name of a file in the same folder`,
      )
    }
  }
  return manifest as unknown as Manifest
}

async function check(path: string, { sha256, size }: ManifestFile): Promise<void> {
  const found = await attempt(path, () => statSync(path))
  if (!found.isFile()) throw new CliError(`${path} is not a file`)
  if (found.size !== size) {
    throw new CliError(`${path} has ${found.size} octets, and image.json says ${size}`)
  }
  const digest = await attempt(path, () => digestOf(path))
  if (digest !== sha256.trim().toLowerCase()) {
    throw new CliError(`${path} has the SHA-256 ${digest}, and image.json says ${sha256}`)
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function attempt<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw new CliError(`${path} cannot be read: ${(error as Error).message}`)
  }
}
