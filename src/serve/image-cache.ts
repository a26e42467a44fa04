import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { Logger } from 'pino'
import { imageParts, type ImageFile } from '../core/image.ts'
import type { Store } from '../store/store.ts'
import type { Sha256 } from '../values/ids.ts'

type Loaded =
  | { readonly kind: 'loaded'; readonly bytes: Buffer }
  | { readonly kind: 'damaged'; readonly problem: string }

export interface ImageCacheOptions {
  readonly store: Pick<Store, 'facts' | 'subscribe'>
  readonly blobPath: (sha256: Sha256) => string
  readonly log: Pick<Logger, 'info' | 'error'>
  /** Octets that files of other images than the default may keep in memory. */
  readonly spareBytes?: number
  /** Milliseconds before a damaged file is read again: a rack that asks for it must not wear the disk. */
  readonly retryDamaged?: number
}

/** Images in memory, each checked against its hash when it is read. */
export interface ImageCache {
  /** From memory, or from the disk: once for all who wait, and one file at a time. */
  readonly load: (file: ImageFile) => Promise<Loaded>
  /** Resolves when the default image is in memory, or could not be read (which is in the log). */
  readonly ready: () => Promise<void>
  readonly close: () => void
}

export function createImageCache({
  store,
  blobPath,
  log,
  spareBytes = 1024 ** 3,
  retryDamaged = 10_000,
}: ImageCacheOptions): ImageCache {
  /** The least recently used first. */
  const held = new Map<Sha256, Buffer>()
  const reads = new Map<Sha256, Promise<Loaded>>()
  /** Not worth another read yet. */
  const bad = new Map<Sha256, Loaded>()
  let disk: Promise<unknown> = Promise.resolve()
  /** The default image's files; the old ones stay until the new ones are all here. */
  let pinned: ReadonlySet<Sha256> = new Set()
  let pinning: Promise<void> = Promise.resolve()

  const load = async (file: ImageFile): Promise<Loaded> => {
    const { sha256 } = file
    const bytes = held.get(sha256)
    if (bytes !== undefined) {
      held.delete(sha256)
      held.set(sha256, bytes)
      return { kind: 'loaded', bytes }
    }
    return bad.get(sha256) ?? reads.get(sha256) ?? read(file)
  }

  const read = (file: ImageFile): Promise<Loaded> => {
    const { sha256 } = file
    const turn = disk.then(async () => {
      const loaded = await readChecked(blobPath(sha256), file)
      reads.delete(sha256)
      if (loaded.kind === 'loaded') {
        held.set(sha256, loaded.bytes)
        trim(sha256)
      } else {
        log.error({ sha256, problem: loaded.problem }, 'image file cannot be served')
        bad.set(sha256, loaded)
        setTimeout(() => bad.delete(sha256), retryDamaged).unref()
      }
      return loaded
    })
    disk = turn
    reads.set(sha256, turn)
    return turn
  }

  /** Readers keep the buffer that they are at; the map only decides about the next ones. */
  const trim = (newest?: Sha256): void => {
    const wanted = new Set([...pinned, ...defaultFiles().map((file) => file.sha256)])
    let spare = 0
    for (const [sha256, bytes] of [...held].reverse()) {
      if (wanted.has(sha256)) continue
      spare += bytes.length
      if (spare > spareBytes && sha256 !== newest) held.delete(sha256)
    }
  }

  const defaultFiles = (): readonly ImageFile[] => {
    const image = store.facts.defaultImage()
    return image?.ready === true ? imageParts.map((part) => image.files[part]) : []
  }

  const pin = async (): Promise<void> => {
    const files = defaultFiles()
    const wanted = files.map((file) => file.sha256)
    if (files.length === 0 || wanted.every((sha256) => pinned.has(sha256) && held.has(sha256))) {
      return
    }
    const loaded = await Promise.all(files.map(load))
    if (loaded.some(({ kind }) => kind === 'damaged')) return
    pinned = new Set(wanted)
    trim()
    const octets = files.reduce((sum, { size }) => sum + size, 0)
    log.info({ image: store.facts.defaultImage()?.name, octets }, 'default image is in memory')
  }

  const pinNext = (): void => {
    pinning = pinning.then(pin)
  }

  pinNext()
  const unsubscribe = store.subscribe(({ kind }) => {
    if (kind !== 'default-image.set' && kind !== 'image.put') return
    bad.clear()
    pinNext()
  })

  return { load, ready: () => pinning, close: unsubscribe }
}

const chunkSize = 1024 * 1024

async function readChecked(path: string, { sha256, size }: ImageFile): Promise<Loaded> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const { size: found } = await file.stat()
    if (found !== size) return damaged(`${path} has ${found} octets, not ${size}`)
    const bytes = Buffer.allocUnsafeSlow(size)
    const hash = createHash('sha256')
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(bytes, at, Math.min(chunkSize, size - at), at)
      if (bytesRead === 0) return damaged(`${path} was cut short while it was read`)
      hash.update(bytes.subarray(at, at + bytesRead))
      at += bytesRead
    }
    if (hash.digest('hex') !== sha256) return damaged(`${path} does not match its hash`)
    return { kind: 'loaded', bytes }
  } catch (error) {
    return damaged(error instanceof Error ? error.message : String(error))
  } finally {
    await file?.close()
  }
}

const damaged = (problem: string): Loaded => ({ kind: 'damaged', problem })
