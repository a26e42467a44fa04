import { describe, expect, test } from 'vitest'
import {
  planDefaultImage,
  planDeleteImage,
  planFileArrived,
  planPutImage,
  wantedFiles,
  type ImageManifest,
} from '../../src/core/image-catalogue.ts'
import type { Image } from '../../src/core/image.ts'
import type { MemoryFacts } from '../../src/store/memory-facts.ts'
import { parseImageName, parseSha256, type Sha256 } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf } from '../support/inventory.ts'

const name = (text: string) => must(parseImageName(text))
const sha = (digit: string) => must(parseSha256(digit.repeat(64)))
const now = epochMs(1000)

const manifest = (
  text: string,
  kernel: string,
  initrd: string,
  commandLine = 'quiet',
): ImageManifest => ({
  name: name(text),
  arch: 'x86_64',
  files: { kernel: { sha256: sha(kernel), size: 1 }, initrd: { sha256: sha(initrd), size: 2 } },
  commandLine,
  seedArgument: 's={seed}',
})
const ready = (text: string, kernel: string, initrd: string): Image => ({
  ...manifest(text, kernel, initrd),
  created: now,
  ready: true,
})

const none = () => false
const all = () => true
const only = (digit: string) => (sha256: Sha256) => sha256 === sha(digit)

function apply(facts: MemoryFacts, plan: { readonly changes: readonly unknown[] }) {
  for (const change of plan.changes as Parameters<MemoryFacts['apply']>[0][]) facts.apply(change)
  return facts
}

describe('a manifest', () => {
  test('asks for the files that are not here', () => {
    const plan = (present: (sha256: Sha256) => boolean) =>
      planPutImage(factsOf(), manifest('a', '1', '2'), present, now).result
    expect(plan(none)).toMatchObject({ outcome: 'created', missing: ['kernel', 'initrd'] })
    expect(plan(only('1'))).toMatchObject({ missing: ['initrd'], image: { ready: false } })
  })

  test('whose files are all here is ready at once, and the default if there is none', () => {
    const facts = factsOf()
    apply(facts, planPutImage(facts, manifest('a', '1', '2'), all, now))
    apply(facts, planPutImage(facts, manifest('b', '1', '3'), all, now))
    expect([...facts.images()].map((image) => image.ready)).toEqual([true, true])
    expect(facts.defaultImage()?.name).toBe('a')
  })

  test('that is here already changes nothing', () => {
    const facts = factsOf({ kind: 'image.put', image: ready('a', '1', '2') })
    const plan = planPutImage(facts, manifest('a', '1', '2'), all, epochMs(2000))
    expect(plan).toMatchObject({ changes: [], result: { outcome: 'unchanged', missing: [] } })
  })

  test('of an image that is ready never changes under its name', () => {
    const facts = factsOf({ kind: 'image.put', image: ready('a', '1', '2') })
    const plan = planPutImage(facts, manifest('a', '1', '3', 'loud'), all, now)
    expect(plan.changes).toEqual([])
    expect(plan.result).toMatchObject({ outcome: 'differs', fields: ['initrd', 'commandLine'] })
  })

  test('can be put right as long as the image is not ready', () => {
    const facts = factsOf({
      kind: 'image.put',
      image: { ...ready('a', '1', '2'), ready: false },
    })
    const { result } = planPutImage(facts, manifest('a', '1', '3'), only('1'), now)
    expect(result).toMatchObject({ outcome: 'created', missing: ['initrd'] })
  })

  test('asks again for bytes that are gone from the disk', () => {
    const facts = factsOf({ kind: 'image.put', image: ready('a', '1', '2') })
    const plan = planPutImage(facts, manifest('a', '1', '2'), only('1'), now)
    expect(plan.result).toMatchObject({ outcome: 'unchanged', missing: ['initrd'] })
    expect(plan.changes).toMatchObject([{ kind: 'image.put', image: { ready: false } }])
  })
})

describe('a file that arrives', () => {
  const waiting = (text: string, kernel: string, initrd: string): Image => ({
    ...ready(text, kernel, initrd),
    ready: false,
  })

  test('makes every image ready that waited for it; the one it was for is the default', () => {
    const facts = factsOf(
      { kind: 'image.put', image: waiting('a', '1', '2') },
      { kind: 'image.put', image: waiting('b', '1', '2') },
      { kind: 'image.put', image: waiting('c', '1', '3') },
    )
    const present = (sha256: Sha256) => sha256 === sha('1') || sha256 === sha('2')
    const plan = planFileArrived(facts, name('b'), present)
    apply(facts, plan)
    expect(plan.result).toMatchObject({ name: 'b', ready: true })
    expect([...facts.images()].map((image) => image.ready)).toEqual([true, true, false])
    expect(facts.defaultImage()?.name).toBe('b')
  })

  test('takes nothing away from the default that there is', () => {
    const facts = factsOf(
      { kind: 'image.put', image: ready('a', '1', '2') },
      { kind: 'default-image.set', name: name('a') },
      { kind: 'image.put', image: waiting('b', '1', '3') },
    )
    apply(facts, planFileArrived(facts, name('b'), all))
    expect(facts.defaultImage()?.name).toBe('a')
  })

  test('too early or too late', () => {
    const facts = factsOf({ kind: 'image.put', image: waiting('a', '1', '2') })
    expect(planFileArrived(facts, name('a'), only('1'))).toMatchObject({
      changes: [],
      result: { name: 'a', ready: false },
    })
    expect(planFileArrived(facts, name('b'), none)).toEqual({ changes: [], result: undefined })
  })
})

describe('the default image', () => {
  const facts = factsOf(
    { kind: 'image.put', image: ready('a', '1', '2') },
    { kind: 'image.put', image: ready('b', '1', '3') },
    { kind: 'image.put', image: { ...ready('c', '1', '4'), ready: false } },
    { kind: 'default-image.set', name: name('a') },
  )

  test('is one that can be booted', () => {
    expect(planDefaultImage(facts, name('b'), all)).toMatchObject({
      changes: [{ kind: 'default-image.set', name: 'b' }],
      result: { outcome: 'set' },
    })
    expect(planDefaultImage(facts, name('a'), all).changes).toEqual([])
    expect(planDefaultImage(facts, name('x'), all).result).toEqual({ outcome: 'not-found' })
    expect(planDefaultImage(facts, name('c'), only('1')).result).toEqual({
      outcome: 'not-ready',
      missing: ['initrd'],
    })
  })

  test('stays; the others can go', () => {
    expect(planDeleteImage(facts, name('a'))).toEqual({ changes: [], result: 'is-default' })
    expect(planDeleteImage(facts, name('x'))).toEqual({ changes: [], result: 'not-found' })
    expect(planDeleteImage(facts, name('b'))).toEqual({
      changes: [{ kind: 'image.delete', name: 'b' }],
      result: 'deleted',
    })
  })

  test('and all others want their files', () => {
    expect([...wantedFiles(facts)].sort()).toEqual([sha('1'), sha('2'), sha('3'), sha('4')])
  })
})
