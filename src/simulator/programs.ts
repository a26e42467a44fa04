import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** What virtual machines take, and Debian's package for each. */
export const programs = {
  'apt-get': 'apt',
  cpio: 'cpio',
  'dpkg-deb': 'dpkg',
  ip: 'iproute2',
  lz4: 'lz4',
  'qemu-system-x86_64': 'qemu-system-x86',
  unshare: 'util-linux',
} as const
export type Program = keyof typeof programs

/** Administrators' folders are not on everybody's PATH. */
const moreFolders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin']

/** @returns its path; undefined when it is not installed */
export function findProgram(name: Program): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...moreFolders]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** @throws Error, where whoever calls has not looked before */
export function program(name: Program): string {
  const found = findProgram(name)
  if (found === undefined) throw new Error(`${name} is missing: apt-get install ${programs[name]}`)
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
