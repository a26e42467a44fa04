import { mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Change } from '../../src/core/change.ts'
import { defaultSeedArgument, type Image, type ImageFile } from '../../src/core/image.ts'
import { createImageCache, type ImageCacheOptions } from '../../src/serve/image-cache.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { parseImageName, type Sha256 } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { sha256 } from './provisioning-scene.ts'

/** A cache on a folder, with its reads from the disk counted. */
async function scene(options: Partial<ImageCacheOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-image-cache-'))
  const store = openSqliteStore({ path: ':memory:' })
  const reads: Sha256[] = []
  const problems: unknown[] = []
  const path = (hash: Sha256): string => join(directory, hash)
  const log = { info: () => undefined, error: (problem: unknown) => void problems.push(problem) }
  const cache = createImageCache({
    store,
    log,
    blobPath: (hash) => {
      reads.push(hash)
      return path(hash)
    },
    ...options,
  })
  onTestFinished(async () => {
    cache.close()
    await store.close()
    rmSync(directory, { recursive: true })
  })

  const file = (text: string): ImageFile => {
    const bytes = Buffer.from(text)
    const found = { sha256: sha256(bytes), size: bytes.length }
    writeFileSync(path(found.sha256), bytes)
    return found
  }
  const image = (name: string, ready = true): Image => ({
    name: must(parseImageName(name)),
    arch: 'x86_64',
    files: { kernel: file(`kernel of ${name}`), initrd: file(`initrd of ${name}`) },
    commandLine: '',
    seedArgument: defaultSeedArgument,
    created: epochMs(0),
    ready,
  })
  const change = (...changes: readonly Change[]): Promise<void> =>
    store.update(() => ({ changes, result: undefined }))
  const makeDefault = async (given: Image): Promise<void> => {
    await change(
      { kind: 'image.put', image: given },
      { kind: 'default-image.set', name: given.name },
    )
    await cache.ready()
  }
  const text = async (wanted: ImageFile): Promise<string> => {
    const loaded = await cache.load(wanted)
    return loaded.kind === 'loaded' ? loaded.bytes.toString() : loaded.problem
  }
  return { cache, path, reads, problems, file, image, change, makeDefault, text }
}

test('the default image is in memory before anybody asks', async () => {
  const { makeDefault, image, reads, path, text } = await scene()
  const first = image('first')
  await makeDefault(first)
  expect(reads).toEqual([first.files.kernel.sha256, first.files.initrd.sha256])
  unlinkSync(path(first.files.kernel.sha256))
  expect(await text(first.files.kernel)).toBe('kernel of first')
})

test('a new default replaces it; the old one can still be asked for', async () => {
  const { makeDefault, image, reads, text } = await scene({ spareBytes: 0 })
  const [first, second] = [image('first'), image('second')]
  await makeDefault(first)
  await makeDefault(second)
  expect(reads).toHaveLength(4)
  expect(await text(second.files.initrd)).toBe('initrd of second')
  expect(reads).toHaveLength(4)
  expect(await text(first.files.initrd)).toBe('initrd of first')
  expect(reads).toHaveLength(5)
})

test('a new default that is damaged leaves the old one in memory', async () => {
  const { makeDefault, image, path, problems, text, reads } = await scene({ spareBytes: 0 })
  const [first, second] = [image('first'), image('second')]
  await makeDefault(first)
  writeFileSync(path(second.files.kernel.sha256), 'kernel of sEcond')
  await makeDefault(second)
  expect(problems).toHaveLength(1)
  const before = reads.length
  expect(await text(first.files.kernel)).toBe('kernel of first')
  expect(reads).toHaveLength(before)
})

test('many who ask at once cost one read', async () => {
  const { text, file, reads } = await scene()
  const wanted = file('x'.repeat(3_000_000))
  const all = await Promise.all(Array.from({ length: 50 }, () => text(wanted)))
  expect(new Set(all).size).toBe(1)
  expect(reads).toHaveLength(1)
})

test('other images may keep so much memory and no more: the latest used stay', async () => {
  const { text, file, reads } = await scene({ spareBytes: 20 })
  const [a, b, c] = [file('a'.repeat(10)), file('b'.repeat(10)), file('c'.repeat(10))]
  await text(a)
  await text(b)
  await text(a)
  await text(c)
  expect(reads).toEqual([a.sha256, b.sha256, c.sha256])
  await text(a)
  expect(reads).toHaveLength(3)
  await text(b)
  expect(reads).toHaveLength(4)
})

test('one that is larger than that is kept until the next', async () => {
  const { text, file, reads } = await scene({ spareBytes: 5 })
  const [a, b] = [file('a'.repeat(10)), file('b'.repeat(10))]
  await text(a)
  await text(a)
  await text(b)
  await text(a)
  expect(reads).toEqual([a.sha256, b.sha256, a.sha256])
})

test('what is wrong with a file is said, and it is not read again at once', async () => {
  const { text, file, path, reads, problems } = await scene()
  const [changed, short, gone] = [file('abc'), file('abcd'), file('abcde')]
  writeFileSync(path(changed.sha256), 'abC')
  truncateSync(path(short.sha256), 2)
  unlinkSync(path(gone.sha256))
  expect(await text(changed)).toMatch(/does not match its hash$/)
  expect(await text(short)).toMatch(/has 2 octets, not 4$/)
  expect(await text(gone)).toMatch(/^ENOENT/)
  expect(await text(gone)).toMatch(/^ENOENT/)
  expect(reads).toHaveLength(3)
  expect(problems).toHaveLength(3)
})

test('a file that came back is read again when the images change', async () => {
  const { text, image, path, change } = await scene()
  const first = image('first')
  unlinkSync(path(first.files.kernel.sha256))
  expect(await text(first.files.kernel)).toMatch(/^ENOENT/)
  writeFileSync(path(first.files.kernel.sha256), 'kernel of first')
  await change({ kind: 'image.put', image: first })
  expect(await text(first.files.kernel)).toBe('kernel of first')
})
