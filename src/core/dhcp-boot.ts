import { macWithHyphens } from '../values/mac.ts'
import type { BootFiles } from './boot-file.ts'
import type { DhcpClient } from './dhcp-client.ts'
import { option, type OptionEntry } from '../wire/dhcp-options.ts'

/** What a DHCP reply says about booting. */
export type BootAnswer =
  | { readonly kind: 'nothing' } // a running system: it has booted already
  | { readonly kind: 'file'; readonly file: string; readonly options: readonly OptionEntry[] }
  | { readonly kind: 'missing'; readonly arch: number; readonly reason: string }

export interface BootSources {
  readonly bootFiles: BootFiles
  /** The provisioning listener as this client reaches it, without a slash at the end. */
  readonly httpUrl: string
}

/** Sub-option 176 of iPXE's option 175: do not wait for proxyDHCP offers, which costs 2 to 3 s. */
const noProxyDhcp: OptionEntry = option.ipxe.write(new Map([[176, Uint8Array.of(1)]]))

/** The three clients of one power-on: firmware gets iPXE, iPXE gets its script, the system nothing. */
export function bootAnswer(client: DhcpClient, { bootFiles, httpUrl }: BootSources): BootAnswer {
  switch (client.kind) {
    case 'system':
      return { kind: 'nothing' }
    case 'ipxe': {
      const arch = buildArch(client.arch)
      const file = `${httpUrl}/boot/${macWithHyphens(client.mac)}.ipxe${arch && `?arch=${arch}`}`
      return { kind: 'file', file, options: [noProxyDhcp] }
    }
    case 'pxe': {
      const arch = client.arch ?? 0 // RFC 4578 2.1 demands option 93; the oldest BIOSes lack it
      const file = bootFiles.fileFor(arch, 'tftp')
      return file === undefined ? missing(arch) : { kind: 'file', file, options: [] }
    }
    case 'uefi-http': {
      const arch = client.arch ?? 16
      const file = bootFiles.fileFor(arch, 'http')
      if (file === undefined) return missing(arch)
      // UEFI 2.10, 24.7.3.1: an offer without this class is not an answer to an HTTP boot client.
      const options = [option.vendorClass.write('HTTPClient')]
      return { kind: 'file', file: `${httpUrl}/boot/files/${file}`, options }
    }
  }
}

/** What iPXE's `${buildarch}` would say, so that no machine is sent another architecture's kernel. */
function buildArch(arch: number | undefined): string {
  switch (arch) {
    case 0:
      return 'i386' // iPXE for BIOS, whatever the processor
    case 7:
    case 9:
    case 16:
      return 'x86_64'
    case 11:
    case 19:
      return 'arm64'
    default:
      return ''
  }
}

const missing = (arch: number): BootAnswer => ({
  kind: 'missing',
  arch,
  reason: `there is no iPXE for architecture ${arch}; run 'rollcall doctor'`,
})
