/** How far a simulated machine has come, in its own view. */
export type Stage =
  | 'off'
  | 'firmware' // asks for an address and a boot file
  | 'boot-file' // fetches iPXE
  | 'ipxe' // asks for an address again, and for a script
  | 'script' // runs it
  | 'kernel'
  | 'initrd'
  | 'system' // Linux runs, and asks for an address
  | 'cloud-init' // takes its seed
  | 'up' // has its name and has said so

/** A file that the machine was sent. */
export interface Fetched {
  readonly name: string
  readonly sha256: string
  /** Octets. */
  readonly size: number
}

/** All that a machine can tell of its boot. */
export interface Progress {
  readonly stage: Stage
  /** Dotted; the latest that it was given. */
  readonly address?: string
  readonly bootFile?: Fetched
  readonly kernel?: Fetched
  readonly initrd?: Fetched
  /** As the kernel has it in /proc/cmdline. */
  readonly commandLine?: string
  /** The NoCloud base URL that it was told. */
  readonly seed?: string
  readonly instanceId?: string
  /** Whether phone home was answered with 200. */
  readonly phonedHome?: boolean
  /** The hostname that it has set for itself. */
  readonly hostname?: string
  /** What its screen shows. */
  readonly console: readonly string[]
  /** Why it came no further. */
  readonly problem?: string
}

export type Report = (change: Partial<Progress>) => void

/** A boot that ends here, as its firmware or its system would show it. */
export class BootFailure extends Error {
  override readonly name = 'BootFailure'
}
