import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  bootFileNames,
  unservedFamilies,
  type Firmware,
  type FirmwareFamily,
} from '../core/boot-file.ts'
import type { ByteBody } from './byte-response.ts'

export interface BootFilesOptions {
  /** Where the distribution keeps iPXE; the first that has a file wins. */
  readonly directories: readonly string[]
  readonly firmware: Firmware
  /** The script that iPXE of 2025 looks for beside its own file. */
  readonly autoexec: string
}

/** What firmware may fetch, by TFTP and by HTTP: a fixed set of names, held in memory. */
export interface BootFileStore {
  readonly get: (name: string) => Buffer | undefined
  readonly entry: (name: string) => ByteBody | undefined
  readonly names: () => readonly string[]
  /** Firmware for which no file was found. */
  readonly missing: readonly FirmwareFamily[]
}

export const autoexecName = 'autoexec.ipxe'

/** @throws the system's error on a file that is there and cannot be read */
export async function loadBootFiles({
  directories,
  firmware,
  autoexec,
}: BootFilesOptions): Promise<BootFileStore> {
  const files = new Map([[autoexecName, entry(Buffer.from(autoexec))]])
  for (const name of bootFileNames(firmware)) {
    const bytes = await firstFound(directories, name)
    if (bytes !== undefined) files.set(name, entry(bytes))
  }
  return {
    get: (name) => files.get(name)?.bytes,
    entry: (name) => files.get(name),
    names: () => [...files.keys()],
    missing: unservedFamilies(firmware, (name) => files.has(name)),
  }
}

const entry = (bytes: Buffer) => ({
  bytes,
  sha256: createHash('sha256').update(bytes).digest('hex'),
})

async function firstFound(
  directories: readonly string[],
  name: string,
): Promise<Buffer | undefined> {
  for (const directory of directories) {
    try {
      return await readFile(join(directory, name))
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  }
  return undefined
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
