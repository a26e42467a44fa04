import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { test } from 'vitest'
import { rollcall } from './rollcall.ts'
test('smoke', async () => {
  const r = await rollcall()
  const show = async (...a: string[]) => {
    const f = await r.run(...a)
    console.log('$ ' + a.join(' ') + '\n' + f.out + (f.err && '!! ' + f.err) + `[${f.status}]`)
  }
  await show('machine', 'list')
  await show(
    'subnet',
    'add',
    'r1',
    '--network',
    '192.0.2.0/24',
    '--pool',
    '192.0.2.100-192.0.2.150',
  )
  await show('subnet', 'list')
  await show('subnet', 'show', 'r1')
  await show(
    'machine',
    'add',
    'w1',
    '--mac',
    '52:54:00:00:00:01',
    '--mac',
    '5254.0000.0002',
    '--address',
    '192.0.2.50',
    '--label',
    'rack=1',
    '--label',
    'b=2',
  )
  await show('machine', 'add', 'w1', '--mac', '52:54:00:00:00:03')
  await show('machine', 'add', 'w2', '--mac', '52:54:00:00:00:01')
  await show(
    'machine',
    'add',
    'w2',
    '--mac',
    '52:54:00:00:00:01',
    '--mac',
    '52:54:00:00:00:01',
    '--address',
    '10.0.0.1',
  )
  await show('machine', 'set', 'w1', '--label', 'b-', '--no-address', '--hostname', 'w9')
  await show('machine', 'show', '525400000002')
  await show('machine', 'list')
  await show('machine', 'list', '--json')
  mkdirSync(r.directory + '/img')
  const k = new Uint8Array(3_000_000).fill(7),
    i = new Uint8Array(20_000_000).fill(9)
  const sha = (b: Uint8Array) => createHash('sha256').update(b).digest('hex')
  r.file('img/k', k)
  r.file('img/i', i)
  const manifest = {
    schema: 1,
    name: 'worker-1',
    arch: 'x86_64',
    kernel: { file: 'k', sha256: sha(k), size: k.length },
    initrd: { file: 'i', sha256: sha(i), size: i.length },
    commandLine: 'console=ttyS0',
  }
  r.file(
    'img/image.json',
    JSON.stringify({ ...manifest, initrd: { ...manifest.initrd, sha256: sha(k) + 'x' } }),
  )
  await show('image', 'import', r.directory + '/img')
  r.file(
    'img/image.json',
    JSON.stringify({ ...manifest, initrd: { ...manifest.initrd, sha256: sha(new Uint8Array(3)) } }),
  )
  await show('image', 'import', r.directory + '/img')
  await show('image', 'list')
  r.file('img/image.json', JSON.stringify(manifest))
  await show('image', 'import', r.directory + '/img')
  await show('image', 'list')
  await show('image', 'remove', 'worker-1')
  await show('boot', 'list')
  await show('boot', 'show', 'w9')
  await show('lease', 'list')
  await show('token', 'create', 'ci')
  await show('token', 'list')
  await show('doctor')
  await show(
    'machine',
    'import',
    r.file(
      'x.csv',
      'hostname,mac,address\na,52:54:00:00:01:01,192.0.2.60\n\nb,52:54:00:00:01:01 52:54:00:00:01:03,192.0.2.61\nc,,zz\n',
    ),
  )
  await show(
    'machine',
    'import',
    r.file(
      'x.yaml',
      '- hostname: a\n  macs: [52:54:00:00:01:01]\n- hostname: b\n  macs: ["52:54:00:00:01:02"]\n',
    ),
  )
  await show('machine', 'frob')
  await show('machine')
  await show('--help')
  await show('check-config', r.file('c.yaml', 'dhcp: {prt: 1}'))
  await show('--server', 'http://127.0.0.1:1', 'machine', 'list')
  console.log(r.logged)
}, 100000)
