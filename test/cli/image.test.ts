import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { initrd, kernel, manifestOf } from '../serve/api/image-data.ts'
import { rollcall } from './rollcall.ts'

async function withDirectory() {
  const lab = await rollcall()
  const directory = join(lab.directory, 'image')
  mkdirSync(directory)
  lab.file('image/bzImage', kernel)
  lab.file('image/initrd', initrd)
  const manifest = (content: unknown) => lab.file('image/image.json', JSON.stringify(content))
  manifest(manifestOf('worker-1'))
  return { ...lab, directory, manifest, load: () => lab.run('image', 'import', directory) }
}

test('an image is imported, and what is there already is not sent again', async () => {
  const { load, run, manifest, file } = await withDirectory()
  expect(await load()).toEqual({
    status: 0,
    out: 'kernel: 0.3 MB sent\ninitrd: 0.9 MB sent\nimage worker-1 is ready and the default\n',
    err: '',
  })
  expect((await load()).out).toBe(
    'kernel: already there\ninitrd: already there\nimage worker-1 is ready and the default\n',
  )
  const other = new Uint8Array(10)
  file('image/initrd', other)
  manifest(manifestOf('worker-2', { initrd: other }))
  expect((await load()).out).toBe(
    'kernel: already there\ninitrd: 0.0 MB sent\nimage worker-2 is ready\n',
  )
  expect((await run('image', 'default', 'worker-2')).out).toBe('image worker-2 is the default\n')
  expect((await run('image', 'remove', 'worker-1')).out).toBe('image worker-1 removed\n')
  const list = await run('image', 'list')
  expect(list.out).toMatch(/^NAME +ARCH +SIZE +STATE +CREATED\nworker-2 +x86_64 +0.3 MB +default/)
  const removed = await run('image', 'remove', 'worker-2')
  expect([removed.status, removed.err]).toEqual([
    1,
    "rollcall: image 'worker-2' is the default: make another one that first\n",
  ])
})

test('--default makes it the default at once', async () => {
  const { load, run, directory, manifest } = await withDirectory()
  await load()
  manifest(manifestOf('worker-2'))
  const imported = await run('image', 'import', directory, '--default')
  expect(imported.out).toContain('image worker-2 is ready and the default\n')
})

test.for([
  ['no image.json', undefined, 'image.json cannot be read'],
  ['no JSON', '{', 'image.json is not JSON'],
  ['no name', '{}', 'image.json: name is missing'],
  [
    'a file elsewhere',
    JSON.stringify({
      ...manifestOf('a'),
      initrd: { ...manifestOf('a').initrd, file: '../initrd' },
    }),
    "image.json: initrd.file is '../initrd': it must be the plain name",
  ],
  [
    'a folder',
    JSON.stringify({ ...manifestOf('a'), initrd: { ...manifestOf('a').initrd, file: '..' } }),
    "image.json: initrd.file is '..'",
  ],
  [
    'no size',
    JSON.stringify({ ...manifestOf('a'), kernel: { file: 'bzImage', sha256: 'x' } }),
    'image.json: kernel.size is missing',
  ],
  ['no file name', JSON.stringify({ name: 'a', kernel: {} }), 'image.json: kernel.file is missing'],
  [
    'a file that is not there',
    JSON.stringify({
      ...manifestOf('a'),
      kernel: { ...manifestOf('a').kernel, file: 'vmlinuz' },
    }),
    '/vmlinuz cannot be read: ENOENT',
  ],
  [
    'another size',
    JSON.stringify({ ...manifestOf('a'), kernel: { ...manifestOf('a').kernel, size: 1 } }),
    'has 300000 octets, and image.json says 1',
  ],
  [
    'another hash',
    JSON.stringify({
      ...manifestOf('a'),
      initrd: { ...manifestOf('a').initrd, sha256: '0'.repeat(64) },
    }),
    '/initrd has the SHA-256 ',
  ],
  [
    'a field that the server refuses',
    JSON.stringify({ ...manifestOf('a'), arch: 'mips' }),
    "arch: must be 'x86_64' or 'aarch64'",
  ],
] as const)('%s', async ([, content, words]) => {
  const { run, load, directory, file } = await withDirectory()
  if (content !== undefined) file('image/image.json', content)
  const refused = await (content === undefined
    ? run('image', 'import', `${directory}/none`)
    : load())
  expect(refused.status).toBe(1)
  expect(refused.err).toContain(words)
  expect(refused.out).toBe('')
  expect((await run('image', 'list', '--json')).out).toBe('[]\n')
})
