import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Octets that nobody runs: simulated machines compare what they get with what was there. */
export interface DemoFiles {
  /** For `bootFiles.directories`. */
  readonly bootFiles: string
  /** For `rollcall image import`. */
  readonly image: string
  /** Name of a boot file → SHA-256. */
  readonly bootFileSha256: ReadonlyMap<string, string>
  readonly kernelSha256: string
  readonly initrdSha256: string
}

/** As large as the Debian packages' ones, about. */
const bootFileSizes = {
  'undionly.kpxe': 74_213,
  'snponly.efi': 173_792,
  'ipxe.efi': 1_011_712,
  'snponly-arm64.efi': 180_224,
} as const

const kernelSize = 2 << 20
const initrdSize = 8 << 20

export function writeDemoFiles(directory: string, imageName: string): DemoFiles {
  const bootFiles = join(directory, 'boot-files')
  const image = join(directory, 'image')
  const bootFileSha256 = new Map(
    Object.entries(bootFileSizes).map(([name, size]) => [name, randomFile(bootFiles, name, size)]),
  )
  const kernelSha256 = randomFile(image, 'bzImage', kernelSize)
  const initrdSha256 = randomFile(image, 'initrd', initrdSize)
  const manifest = {
    schema: 1,
    name: imageName,
    arch: 'x86_64',
    kernel: { file: 'bzImage', sha256: kernelSha256, size: kernelSize },
    initrd: { file: 'initrd', sha256: initrdSha256, size: initrdSize },
    commandLine: 'init=/nix/store/demo/init console=ttyS0',
  }
  writeFileSync(join(image, 'image.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  return { bootFiles, image, bootFileSha256, kernelSha256, initrdSha256 }
}

/** @returns its SHA-256 */
function randomFile(directory: string, name: string, size: number): string {
  mkdirSync(directory, { recursive: true })
  const bytes = randomBytes(size)
  writeFileSync(join(directory, name), bytes)
  return createHash('sha256').update(bytes).digest('hex')
}
