import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Sealed } from '../../src/core/boot-token.ts'
import { vaultFromFiles } from '../../src/store/key-file.ts'
import { keyIdOf, seal, sealingKey, unseal } from '../../src/store/seal.ts'
import { must } from '../../src/values/parse.ts'

const keyOf = (byte: number) => must(sealingKey(Buffer.alloc(32, byte)))
const [one, two] = [keyOf(1), keyOf(2)]
const nonce = () => randomBytes(12)

describe('a sealed text', () => {
  test('opens with its key and its record, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, record) => {
        const sealed = seal(one, text, record, nonce())
        expect(unseal([two, one], sealed, record)).toEqual({ ok: true, value: text })
        expect(keyIdOf(sealed)).toBe(one.id)
      }),
    )
  })

  test('does not open in another record, nor with another key', () => {
    const sealed = seal(one, 'secret', 'boot-token b1', nonce())
    expect(unseal([one], sealed, 'boot-token b2')).toMatchObject({ ok: false })
    const other = unseal([two], sealed, 'boot-token b1')
    expect(other).toEqual({
      ok: false,
      problem: `it was sealed under key ${one.id}, which is not here`,
    })
  })

  test('does not open when any octet of it is another one', () => {
    const sealed = seal(one, 'secret', 'r', nonce())
    const [form, id, data = ''] = sealed.split('.')
    const bytes = Buffer.from(data, 'base64url')
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at] = changed[at]! ^ 1
      const text = `${form}.${id}.${changed.toString('base64url')}` as Sealed
      expect(unseal([one], text, 'r').ok).toBe(false)
    }
    for (const text of ['', 'v1', 'v2.x.y', `v1.${id}.`, `v1.${id}.AAAA`]) {
      expect(unseal([one], text as Sealed, 'r').ok).toBe(false)
    }
  })

  test('says nothing of the text, and is another one each time', () => {
    const seals = Array.from({ length: 10 }, () => seal(one, 'the secret', 'r', nonce()))
    expect(new Set(seals).size).toBe(10)
    for (const each of seals) {
      expect(each).not.toContain(Buffer.from('the secret').toString('base64url'))
    }
  })
})

describe('key files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-key-'))
  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    onTestFinished(() => rmSync(path, { force: true }))
    return path
  }
  const load = (keyFile?: string, previousKeyFiles: string[] = [], credentials?: string) =>
    vaultFromFiles({ keyFile, previousKeyFiles }, credentials, randomBytes)

  test.each([
    ['raw', Buffer.alloc(32, 1)],
    ['base64', Buffer.alloc(32, 1).toString('base64')],
    ['base64 with a line end', `${Buffer.alloc(32, 1).toString('base64')}\n`],
  ])('%s', (_, content) => {
    expect(load(file('key', content)).keyId).toBe(one.id)
  })

  test("systemd's credential, if nothing else is said", () => {
    file('rollcall-key', Buffer.alloc(32, 2))
    expect(load(undefined, [], folder).keyId).toBe(two.id)
    expect(load(file('key', Buffer.alloc(32, 1)), [], folder).keyId).toBe(one.id)
  })

  test.each([
    ['none', undefined, /there is no key/],
    ['no file', '/nowhere/key', /\/nowhere\/key cannot be read/],
    ['too short', 'short', /is not a key: 32 octets/],
  ])('%s', (name, content, words) => {
    const path = name === 'too short' ? file('key', content!) : content
    const vault = load(path)
    expect(vault.keyId).toBeUndefined()
    expect(vault.problem).toMatch(words)
    expect(vault.seal('x', 'r')).toMatchObject({ ok: false })
    expect(vault.open('v1.a.b' as Sealed, 'r')).toMatchObject({ ok: false })
  })

  test('after a change the new one seals, and both open', () => {
    const sealed = must(load(file('old', Buffer.alloc(32, 1))).seal('x', 'r'))
    const vault = load(file('new', Buffer.alloc(32, 2)), [file('old', Buffer.alloc(32, 1))])
    expect(vault.open(sealed, 'r')).toEqual({ ok: true, value: 'x' })
    expect([vault.isCurrent(sealed), vault.keyId]).toEqual([false, two.id])
    expect(keyIdOf(must(vault.seal('x', 'r')))).toBe(two.id)
  })

  test('a previous key that is gone closes nothing that the new one opens', () => {
    const vault = load(file('new', Buffer.alloc(32, 2)), ['/nowhere/old'])
    expect(vault.open(must(vault.seal('x', 'r')), 'r')).toEqual({ ok: true, value: 'x' })
    const old = must(load(file('old', Buffer.alloc(32, 1))).seal('x', 'r'))
    expect(vault.open(old, 'r')).toMatchObject({ ok: false })
  })
})
