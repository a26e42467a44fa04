import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** Programs that the network and boot tests run, and the Debian package that brings each. */
const packageOf = {
  atftp: 'atftp',
  'apt-get': 'apt',
  busybox: 'busybox-static',
  cpio: 'cpio',
  curl: 'curl',
  dhclient: 'isc-dhcp-client',
  dhcrelay: 'isc-dhcp-relay',
  dnsmasq: 'dnsmasq-base',
  'dpkg-deb': 'dpkg',
  flock: 'util-linux',
  ip: 'iproute2',
  lz4: 'lz4',
  mmdebstrap: 'mmdebstrap',
  nft: 'nftables',
  nsenter: 'util-linux',
  'qemu-system-x86_64': 'qemu-system-x86',
  setpriv: 'util-linux',
  tcpdump: 'tcpdump',
  tftp: 'tftp-hpa',
  udhcpc: 'udhcpc',
  unshare: 'util-linux',
} as const

export type Tool = keyof typeof packageOf

/** The daemons' folders are not on everybody's PATH. */
const folders = [
  ...(process.env['PATH'] ?? '').split(':'),
  '/usr/sbin',
  '/sbin',
  '/usr/bin',
  '/bin',
]

/** The full path of a program. A missing one fails the test by name: these tests never skip. */
export function tool(name: Tool): string {
  for (const folder of folders) {
    const path = join(folder, name)
    if (folder !== '' && isExecutable(path)) return path
  }
  throw new Error(`${name} is missing: apt-get install ${packageOf[name]} (see test/packages.txt)`)
}

/** A data file of a package, such as a firmware image. */
export function packageFile(path: string, debianPackage: string): string {
  try {
    accessSync(path, constants.R_OK)
    return path
  } catch {
    throw new Error(`${path} is missing: apt-get install ${debianPackage} (see test/packages.txt)`)
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
