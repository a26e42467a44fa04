import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram, program, type Program, programs } from '../simulator/programs.ts'
import { firmwareFiles } from '../simulator/qemu.ts'
import { CliError } from './error.ts'
import { print } from './table.ts'

/** `rollcall demo --qemu`, as far as it runs in the host's own network: checks, and the image. */

/** @throws CliError that says what is missing, and how to get it */
export function requireQemu(): void {
  if (process.getuid?.() !== 0) {
    throw new CliError('demo --qemu makes a network of its own, and that needs root')
  }
  if (!existsSync('/dev/net/tun')) {
    throw new CliError('demo --qemu needs /dev/net/tun: modprobe tun')
  }
  const missing = new Set<string>()
  for (const [name, debianPackage] of Object.entries(programs)) {
    if (findProgram(name as Program) === undefined) missing.add(debianPackage)
  }
  const files = { ...firmwareFiles, [join(bootFiles, 'snponly.efi')]: 'ipxe' }
  for (const [path, debianPackage] of Object.entries(files)) {
    if (!existsSync(path)) missing.add(debianPackage)
  }
  if (missing.size === 0) return
  const names = [...missing].sort().join(' ')
  throw new CliError(
    `demo --qemu needs Debian packages: apt-get install --no-install-recommends ${names}`,
  )
}

/** Where Debian keeps iPXE. */
export const bootFiles = '/usr/lib/ipxe'

/** The boot tests' recipe: Debian's kernel, busybox, and an init that takes its seed and reports. */
const recipe = fileURLToPath(new URL('../../test/boot/images/tiny/build.sh', import.meta.url))

/**
 * Makes an image that `rollcall image import` takes.
 * @throws CliError with what the recipe says
 */
async function buildTinyImage(directory: string): Promise<void> {
  if (!existsSync(recipe)) {
    throw new CliError("demo --qemu makes its image by the repository's test/: run it from there")
  }
  const image = join(directory, 'image')
  const work = join(directory, 'work')
  for (const each of [image, work]) mkdirSync(each)
  const build = spawn('sh', [recipe, image], { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [build.stdout, build.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const [code] = (await once(build, 'close')) as [number | null]
  if (code !== 0) throw new CliError(`the image could not be made:\n${said.trim()}`)
  const part = (file: string) => {
    const bytes = readFileSync(join(image, file))
    return { file, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
  }
  const manifest = {
    schema: 1,
    name: 'tiny',
    arch: 'x86_64',
    kernel: part('vmlinuz'),
    initrd: part('initrd'),
    // All but the console saves time under emulation.
    commandLine: 'console=ttyS0 mitigations=off nokaslr cryptomgr.notests tsc=reliable quiet',
  }
  writeFileSync(join(image, 'image.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))

/**
 * Runs this program again in a network namespace that goes when it ends.
 * @returns whether everything was right
 */
async function runInNamespace(directory: string, signal: AbortSignal): Promise<boolean> {
  const words = ['demo', '--qemu', '--inside', directory]
  const inside = spawn(program('unshare'), ['--net', process.execPath, main, ...words], {
    stdio: 'inherit',
  })
  // Of a Ctrl-C both hear; a SIGTERM is passed on.
  const end = (): boolean => inside.kill('SIGTERM')
  signal.addEventListener('abort', end, { once: true })
  process.once('exit', end)
  const [code] = (await once(inside, 'exit')) as [number | null]
  process.off('exit', end)
  signal.removeEventListener('abort', end)
  return code === 0
}

export async function runQemuDemo(directory: string, signal: AbortSignal): Promise<boolean> {
  print("a kernel and an initrd are made of Debian's packages …\n")
  await buildTinyImage(directory)
  return runInNamespace(directory, signal)
}
