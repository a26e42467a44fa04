import { createHash, type Hash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { ImageFile } from '../core/image.ts'
import { parseSha256, type Sha256 } from '../values/ids.ts'

/** The images' kernels and initrds on disk, each under its own hash: `<stateDir>/images/<sha256>`. */
export interface ImageFiles {
  /** Whether the bytes are here, whole. Answered from memory. */
  readonly has: (sha256: Sha256) => boolean
  readonly path: (sha256: Sha256) => string
  /** Keeps the bytes if they are the ones that the manifest promised, and nothing otherwise. */
  readonly receive: (
    bytes: AsyncIterable<Uint8Array>,
    promised: ImageFile,
  ) => Promise<'kept' | MismatchedFile>
  /** Deletes all that nobody wants any more, at once, so that nothing can come to want it meanwhile. */
  readonly keepOnly: (wanted: ReadonlySet<Sha256>) => void
}

export interface MismatchedFile {
  readonly problem: string
}

const partial = '.partial'

/** Opens the directory, makes it if need be, and removes what an upload that was cut off left. */
export async function openImageFiles(directory: string): Promise<ImageFiles> {
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const present = new Set<Sha256>()
  for (const name of await readdir(directory)) {
    const hash = parseSha256(name)
    if (hash.ok) present.add(hash.value)
    else if (name.endsWith(partial)) await unlink(join(directory, name))
  }
  const path = (sha256: Sha256) => join(directory, sha256)
  let uploads = 0

  return {
    has: (sha256) => present.has(sha256),
    path,

    receive: async (bytes, promised) => {
      uploads += 1
      const temporary = join(directory, `${promised.sha256}.${uploads}${partial}`)
      const file = await open(temporary, 'wx', 0o644)
      try {
        const mismatch = await write(bytes, file, promised)
        await file.sync()
        await file.close()
        if (mismatch) {
          await unlink(temporary)
          return mismatch
        }
        await rename(temporary, path(promised.sha256))
        await syncDirectory(directory)
      } catch (error) {
        await file.close().catch(() => undefined)
        await unlink(temporary).catch(() => undefined)
        throw error
      }
      present.add(promised.sha256)
      return 'kept'
    },

    keepOnly: (wanted) => {
      for (const sha256 of present) {
        if (wanted.has(sha256)) continue
        present.delete(sha256)
        rmSync(path(sha256), { force: true })
      }
    },
  }
}

/** Hashes and writes side by side; stops reading as soon as there are too many bytes. */
async function write(
  bytes: AsyncIterable<Uint8Array>,
  file: FileHandle,
  promised: ImageFile,
): Promise<MismatchedFile | undefined> {
  const hash: Hash = createHash('sha256')
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > promised.size) {
      return { problem: `has more than the ${promised.size} octets of the manifest` }
    }
    hash.update(chunk)
    await file.writeFile(chunk)
  }
  if (size < promised.size) {
    return { problem: `has ${size} octets and not the ${promised.size} of the manifest` }
  }
  const found = hash.digest('hex')
  if (found !== promised.sha256) {
    return { problem: `has the SHA-256 ${found} and not the manifest's ${promised.sha256}` }
  }
  return undefined
}

/** A rename survives a power cut only after its directory is on the disk too. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
