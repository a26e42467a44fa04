import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { loadBootFiles } from '../../src/serve/boot-files.ts'
import { firmware, sha256 } from './provisioning-scene.ts'

function folder(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-boot-files-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

const autoexec = '#!ipxe\n'

test('the first directory that has a file wins, and nothing else is taken', async () => {
  const own = folder({ 'snponly.efi': 'our own build' })
  const packaged = folder({ 'snponly.efi': 'packaged', 'undionly.kpxe': 'bios', 'ipxe.iso': 'no' })
  const files = await loadBootFiles({
    directories: [join(own, 'absent'), join(own, 'snponly.efi'), own, packaged],
    firmware,
    autoexec,
  })
  expect(files.names()).toEqual(['autoexec.ipxe', 'undionly.kpxe', 'snponly.efi'])
  expect(files.get('snponly.efi')?.toString()).toBe('our own build')
  expect(files.get('undionly.kpxe')?.toString()).toBe('bios')
  expect(files.get('autoexec.ipxe')?.toString()).toBe(autoexec)
  expect(files.get('ipxe.iso')).toBeUndefined()
  expect(files.missing.map(({ name }) => name)).toEqual(['UEFI arm64', 'UEFI x86 (32 bit)'])
})

test('each has its hash, which is its entity tag', async () => {
  const files = await loadBootFiles({
    directories: [folder({ 'ipxe.efi': 'x' })],
    firmware,
    autoexec,
  })
  expect(files.entry('ipxe.efi')).toEqual({
    bytes: Buffer.from('x'),
    sha256: sha256(Buffer.from('x')),
  })
  expect(files.entry('snponly.efi')).toBeUndefined()
})

test('nothing found is not an error: another listener may still be of use', async () => {
  const files = await loadBootFiles({ directories: [], firmware, autoexec })
  expect(files.names()).toEqual(['autoexec.ipxe'])
  expect(files.missing).toHaveLength(firmware.families.length)
})

test('a file that is there and cannot be read is an error', async () => {
  const directory = folder({})
  mkdirSync(join(directory, 'ipxe.efi'))
  await expect(loadBootFiles({ directories: [directory], firmware, autoexec })).rejects.toThrow(
    'EISDIR',
  )
})
