import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { createLab, type Lab, type Namespace } from './lab.ts'
import { startRollcall, type Rollcall } from './lab-rollcall.ts'
import { tool } from './lab-tools.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** SIGTERM while machines are fetching: they get all of it. */
let lab: Lab
let machine: Namespace
let rollcall: Rollcall
let folder: string

/** So large that most of it is still on the server when its client reads no further. */
const kernel = randomBytes(32 << 20)
const bootFile = randomBytes(1 << 20)

beforeAll(async () => {
  lab = await createLab()
  const server = await lab.namespace('server')
  machine = await lab.namespace('machine')
  await lab.veth({ ns: server, device: 'eth0' }, { ns: machine, device: 'eth0' })
  await server.ip('address add 192.0.2.1/24 dev eth0')
  await machine.ip('address add 192.0.2.50/24 dev eth0')
  folder = temporaryFolder(lab)
  writeFileSync(join(folder, 'snponly.efi'), bootFile)
  rollcall = await startRollcall(lab, server, {
    interfaces: ['eth0'],
    bootFiles: { directories: [folder] },
  })
  await addImage(server)
})

afterAll(() => lab.close())

test('SIGTERM lets a download and a TFTP transfer come to their end', async () => {
  const download = await begin('http://192.0.2.1:8080/images/worker-1/kernel')
  const transfer = await begin('tftp://192.0.2.1/snponly.efi')

  const stopped = rollcall.stop('SIGTERM')
  await eventually('sign of a stop', 10, () => /finishing what/.test(rollcall.log()) || undefined)
  const [fetched, sent] = await Promise.all([download.rest(), transfer.rest()])

  expect(sha256(fetched)).toBe(sha256(kernel))
  expect(sha256(sent)).toBe(sha256(bootFile))
  expect(await stopped).toBe(0)
})

test('SIGTERM does not wait for ever for a client that hangs', async () => {
  await rollcall.start()
  const download = await begin('http://192.0.2.1:8080/images/worker-1/kernel')

  expect(await rollcall.stop('SIGTERM')).toBe(0)
  expect((await download.rest()).length).toBeLessThan(kernel.length)
})

/** A fetch that has begun, and goes no further while nobody reads what curl writes. */
async function begin(url: string): Promise<{ rest: () => Promise<Buffer> }> {
  const curl = [tool('curl'), '--silent', '--max-time', '60', '--tftp-blksize', '1428', url]
  const argv = ['--pdeathsig', 'KILL', '--', ...machine.argv(curl)]
  const child = spawn(tool('setpriv'), argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'readable')
  return { rest: async () => Buffer.concat(await child.stdout.toArray()) }
}

async function addImage(server: Namespace): Promise<void> {
  const parts = { kernel, initrd: randomBytes(1000) }
  const file = (bytes: Buffer) => ({ sha256: sha256(bytes), size: bytes.length })
  await rollcall.api('PUT', '/api/v1/images/worker-1', {
    name: 'worker-1',
    arch: 'x86_64',
    kernel: file(parts.kernel),
    initrd: file(parts.initrd),
    commandLine: 'console=ttyS0',
  })
  const token = readFileSync(join(rollcall.stateDir, 'admin.token'), 'utf8').trim()
  for (const [part, bytes] of Object.entries(parts)) {
    writeFileSync(join(folder, part), bytes)
    await server.exec([
      ...[tool('curl'), '--silent', '--show-error', '--fail', '--max-time', '30'],
      ...['--header', `Authorization: Bearer ${token}`, '--upload-file', join(folder, part)],
      ...['--header', 'Content-Type: application/octet-stream'],
      `http://127.0.0.1:8470/api/v1/images/worker-1/files/${part}`,
    ])
  }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
