import type { ImageName, Sha256 } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'

export const imageParts = ['kernel', 'initrd'] as const
export type ImagePart = (typeof imageParts)[number]

export interface ImageFile {
  readonly sha256: Sha256
  /** Octets. */
  readonly size: number
}

/** The one prebuilt image (or one of its versions), as `image.json` describes it. */
export interface Image {
  readonly name: ImageName
  readonly arch: 'x86_64' | 'aarch64'
  readonly files: Readonly<Record<ImagePart, ImageFile>>
  /** Kernel parameters, the same for every machine. */
  readonly commandLine: string
  /**
   * How this image wants to be told its seed, appended to the command line. The spelling belongs to
   * the image, because cloud-init's versions differ in it. Placeholders: `{hostname}`,
   * `{instance-id}`, `{seed}` (ends in `/`).
   */
  readonly seedArgument: string
  readonly created: EpochMs
  /** Whether both files have arrived and matched their hashes. */
  readonly ready: boolean
}

/**
 * Works with cloud-init 22.4 and 25. `systemd.hostname=` keeps the name when the seed cannot be had;
 * NoCloud's own `h=` does not, since cloud-init then gives up the whole data source, and otherwise it
 * hides what meta-data says. Nor is there an `i=`: with it cloud-init takes its cache on a disk that was
 * kept, and never asks again. Measured with 22.4.2.
 */
export const defaultSeedArgument = 'systemd.hostname={hostname} ds=nocloud;dsmode=net;s={seed}'

const placeholders = new Set(['{hostname}', '{instance-id}', '{seed}'])

/**
 * What iPXE would not pass on as it stands (`src/core/exec.c` of iPXE: a lone `;`, `&&`, `||` ends a
 * command, a token that begins with `#` a line, `${` begins a setting), and what is not ours to fill.
 * @returns one sentence, or undefined when the text can stand on an iPXE `kernel` line
 */
export function commandLineProblem(text: string): string | undefined {
  if (/[^\x20-\x7e]/.test(text)) return 'has a character that is not printable ASCII'
  if (text.includes('${')) return "contains '${', which iPXE would expand"
  if (text.endsWith('\\')) return 'ends in a backslash, which continues an iPXE line'
  for (const token of text.split(' ')) {
    if (token === ';' || token === '&&' || token === '||') {
      return `contains '${token}' as a word of its own, which ends an iPXE command`
    }
    if (token.startsWith('#')) return `contains the word '${token}', which iPXE takes for a comment`
  }
  return undefined
}

/** @returns one sentence, or undefined when the spelling can be filled in */
export function seedArgumentProblem(text: string): string | undefined {
  for (const [found] of text.matchAll(/\{[^}]*\}/g)) {
    if (!placeholders.has(found)) return `has the unknown placeholder ${found}`
  }
  if (!text.includes('{seed}')) return 'does not contain {seed}: the machine would never ask us'
  return commandLineProblem(text)
}

export interface SeedArgumentValues {
  readonly hostname: string
  readonly instanceId: string
  /** The NoCloud base URL; ends in `/`, which cloud-init before 23.1 demands. */
  readonly seed: string
}

export function fillSeedArgument(spelling: string, values: SeedArgumentValues): string {
  return spelling
    .replaceAll('{hostname}', values.hostname)
    .replaceAll('{instance-id}', values.instanceId)
    .replaceAll('{seed}', values.seed)
}
