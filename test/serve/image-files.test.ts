import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openImageFiles } from '../../src/serve/image-files.ts'
import { parseSha256 } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { kernel, sha256 } from './api/image-data.ts'

const promised = { sha256: must(parseSha256(sha256(kernel))), size: kernel.length }

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-images-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

async function* chunks(bytes: Uint8Array, size = 65_536): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test('what was kept is there after a restart, and a cut-off upload is gone', async () => {
  const directory = scratch()
  const files = await openImageFiles(directory)
  expect(files.has(promised.sha256)).toBe(false)
  expect(await files.receive(chunks(kernel), promised)).toBe('kept')
  expect(files.has(promised.sha256)).toBe(true)
  writeFileSync(join(directory, `${promised.sha256}.1.partial`), 'half')
  writeFileSync(join(directory, 'README'), 'not ours')
  const reopened = await openImageFiles(directory)
  expect(reopened.has(promised.sha256)).toBe(true)
  expect(readdirSync(directory).sort()).toEqual([promised.sha256, 'README'].sort())
})

test('two uploads of one file at a time', async () => {
  const directory = scratch()
  const files = await openImageFiles(directory)
  const both = [
    files.receive(chunks(kernel), promised),
    files.receive(chunks(kernel, 999), promised),
  ]
  expect(await Promise.all(both)).toEqual(['kept', 'kept'])
  expect(readdirSync(directory)).toEqual([promised.sha256])
})

test('a connection that breaks leaves nothing', async () => {
  const directory = scratch()
  const files = await openImageFiles(directory)
  const broken = async function* () {
    yield kernel.subarray(0, 1000)
    throw new Error('connection reset')
  }
  await expect(files.receive(broken(), promised)).rejects.toThrow('connection reset')
  expect(readdirSync(directory)).toEqual([])
})

test('a source with too much is not read to its end', async () => {
  const directory = scratch()
  const files = await openImageFiles(directory)
  let read = 0
  const endless = async function* () {
    for (;;) {
      read += 1
      yield kernel
    }
  }
  expect(await files.receive(endless(), promised)).toMatchObject({
    problem: expect.stringContaining('more than') as string,
  })
  expect(read).toBe(2)
  expect(readdirSync(directory)).toEqual([])
})

test('keepOnly removes what nobody wants', async () => {
  const directory = scratch()
  const files = await openImageFiles(directory)
  await files.receive(chunks(kernel), promised)
  files.keepOnly(new Set([promised.sha256]))
  expect(files.has(promised.sha256)).toBe(true)
  files.keepOnly(new Set())
  expect(files.has(promised.sha256)).toBe(false)
  expect(readdirSync(directory)).toEqual([])
})
