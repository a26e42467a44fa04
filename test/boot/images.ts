import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative } from 'node:path'
import { run } from '../net/lab-process.ts'
import { tool, type Tool } from '../net/lab-tools.ts'

/** An image that the tests have made, laid out as `rollcall image import` takes it. */
export interface BuiltImage {
  readonly name: string
  /** Holds image.json, the kernel and the initrd. */
  readonly directory: string
  /** debian only: the same system as a folder, to run cloud-init in. Never write to it. */
  readonly root: string
}

interface Recipe {
  readonly tools: readonly Tool[]
  readonly commandLine: string
  readonly seedArgument: string
  /** What its build reads besides its own folder, beside this file. */
  readonly reads?: readonly string[]
  /** Seconds that the build may take. */
  readonly seconds: number
}

/** What saves time under emulation; see QEMU's TCG in qemu.ts. */
const quick = 'console=ttyS0 mitigations=off nokaslr cryptomgr.notests tsc=reliable panic=-1'

const recipes = {
  /** Busybox and one network driver: takes its seed and reports in seconds. */
  tiny: {
    tools: ['apt-get', 'dpkg-deb', 'cpio', 'lz4'],
    commandLine: `${quick} quiet`,
    seedArgument: 'ds=nocloud;dsmode=net;h={hostname};i={instance-id};s={seed}',
    seconds: 300,
  },
  /** tiny, and then it joins a cluster with a real kubelet. Wants 1536 MiB. */
  joiner: {
    tools: ['apt-get', 'dpkg-deb', 'cpio', 'lz4'],
    commandLine: `${quick} quiet`,
    seedArgument: 'ds=nocloud;dsmode=net;h={hostname};i={instance-id};s={seed}',
    reads: ['images/tiny', '../kube/build.sh'],
    seconds: 3300, // may have to build Kubernetes
  },
  /** The whole of Debian with its own cloud-init, in the initrd. */
  debian: {
    tools: ['apt-get', 'mmdebstrap', 'cpio', 'lz4'],
    commandLine: `${quick} loglevel=4 systemd.show_status=false`,
    // Measured with 22.4.2: when the seed can't be had, h= does not help (the datasource is given up as
    // a whole), systemd.hostname= does; and h= would hide a wrong name in the seed. With i= a kept disk
    // never asks the server again while the id is the same: cloud-init takes all of its cache, the
    // earlier boot's seed included.
    seedArgument: 'systemd.hostname={hostname} ds=nocloud;dsmode=net;s={seed}',
    seconds: 900,
  },
} satisfies Record<string, Recipe>

export type ImageName = keyof typeof recipes

/**
 * Gives the image, from the cache or built now. The cache lies outside the repository and its key is
 * the recipe: whoever changes a file of the recipe gets a new image.
 */
export async function builtImage(name: ImageName): Promise<BuiltImage> {
  const recipe: Recipe = recipes[name]
  const source = join(import.meta.dirname, 'images', name)
  const key = createHash('sha256').update(JSON.stringify(recipe))
  const others = (recipe.reads ?? []).map((each) => join(import.meta.dirname, each))
  for (const path of [source, ...others].flatMap(filesOf)) {
    key.update(`\0${relative(source, path)}\0`).update(readFileSync(path))
  }
  const folder = join(cacheFolder(), `${name}-${key.digest('hex').slice(0, 16)}`)
  const image = { name, directory: join(folder, 'image'), root: join(folder, 'root') }
  if (!existsSync(folder)) await build(folder, source, recipe, name)
  return image
}

/** The file itself, or all in the folder. */
function filesOf(path: string): string[] {
  if (statSync(path).isFile()) return [path]
  const found = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()
  return found.map((file) => join(path, file)).filter((file) => statSync(file).isFile())
}

function cacheFolder(): string {
  const given = process.env['ROLLCALL_TEST_CACHE']
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const folder = given ?? join(cache, 'rollcall-test')
  mkdirSync(folder, { recursive: true })
  return folder
}

/** Builds into a folder of its own and renames it: the cache never holds half an image. */
async function build(folder: string, source: string, recipe: Recipe, name: string): Promise<void> {
  for (const each of recipe.tools) tool(each)
  const draft = `${folder}.${process.pid}`
  mkdirSync(join(draft, 'image'), { recursive: true })
  // The lock is for test files that run at once and want the same image: the second finds it made.
  // The tmpfs is the script's working folder; in a mount namespace of its own it goes by itself.
  const script = `set -eu
    [ ! -e "$1" ] || exit 0
    mount -t tmpfs -o mode=755 work "$4"
    cd "$4"
    sh "$3/build.sh" "$2/image" "$2/root" >&2`
  const work = `${draft}.work`
  mkdirSync(work)
  try {
    await run(
      [
        ...[
          tool('flock'),
          `${folder}.lock`,
          tool('unshare'),
          '--mount',
          'sh',
          '-c',
          script,
          'build',
        ],
        ...[folder, draft, source, work],
      ],
      { seconds: recipe.seconds },
    )
    if (existsSync(folder)) return
    describe(join(draft, 'image'), recipe, name)
    // Renaming onto a folder that is not empty fails, so of two builders one wins.
    await run(['mv', '--no-target-directory', draft, folder])
  } finally {
    rmSync(draft, { recursive: true, force: true })
    rmSync(work, { recursive: true, force: true })
  }
}

function describe(directory: string, recipe: Recipe, name: string): void {
  const part = (file: string): { file: string; sha256: string; size: number } => {
    const bytes = readFileSync(join(directory, file))
    return { file, sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length }
  }
  const manifest = {
    schema: 1,
    name,
    arch: 'x86_64',
    kernel: part('vmlinuz'),
    initrd: part('initrd'),
    commandLine: recipe.commandLine,
    seedArgument: recipe.seedArgument,
  }
  writeFileSync(join(directory, 'image.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}
