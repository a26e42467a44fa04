import { formatIpv4 } from '../values/ipv4.ts'
import { type Lease, obtainLease } from './dhcp.ts'
import type { DhcpClient } from './dhcp-clients.ts'
import { type Power, unlessPoweredOff } from './firmware.ts'
import { fetchHttp, HttpFailure } from './http.ts'
import type { Download, IpxeHost } from './ipxe-commands.ts'
import { type IpxeEnd, runIpxe } from './ipxe-script.ts'
import { IpxeSettings } from './ipxe-settings.ts'
import { BootFailure } from './progress.ts'
import { fetchLikeIpxe, TftpFetchError } from './tftp.ts'

/** One of iPXE's binaries. */
export interface IpxeBuild {
  readonly client: DhcpClient
  /** `${buildarch}`; `i386` is any BIOS. */
  readonly arch: 'i386' | 'x86_64' | 'arm64'
  readonly version: string
  /** Since 2025 it looks for autoexec.ipxe beside its own file before it asks DHCP. */
  readonly looksForAutoexec: boolean
}

/** What the kernel is started with. */
export type Started = Extract<IpxeEnd, { kind: 'boots' }>

/**
 * From its first DHCP to the jump into the kernel.
 * @param loadedBy the firmware's lease, if firmware fetched this iPXE
 * @throws BootFailure when it gives up and returns to the firmware
 */
export async function runIpxeOn(
  power: Power,
  build: IpxeBuild,
  loadedBy: Lease | undefined,
): Promise<Started> {
  const host = ipxeHost(power, build)
  const script =
    (build.looksForAutoexec && loadedBy && (await autoexec(power, loadedBy))) ||
    (await autoboot(host))
  power.report({ stage: 'script' })
  const end = await runIpxe(script, host)
  if (end.kind === 'gives-up') throw new BootFailure(`iPXE gave up: ${end.reason}`)

  const { commandLine } = end.kernel
  const { name, sha256, bytes: size } = end.kernel
  const [first] = end.initrds
  power.report({
    commandLine,
    kernel: { name, sha256, size },
    ...(first && { initrd: { name: first.name, sha256: first.sha256, size: first.bytes } }),
  })
  const wanted = /(?:^| )initrd=([^ ]*)/.exec(commandLine)?.[1]
  // The kernel's EFI stub asks iPXE for the file of this name, and there is no other way to it.
  if (build.arch !== 'i386' && !end.initrds.some((initrd) => initrd.name === wanted)) {
    throw new BootFailure(`the kernel finds no initrd called '${wanted}'`)
  }
  return end
}

const theNic = 'net0'

function ipxeHost(power: Power, build: IpxeBuild): IpxeHost {
  const { nic, site, report, signal } = power
  const settings = new IpxeSettings()
  settings.set('mac', nic.mac)
  settings.set('buildarch', build.arch)
  const lines: string[] = []
  const headers = { Connection: 'keep-alive', 'User-Agent': `iPXE/${build.version}` }

  return {
    settings,
    nics: [theNic],
    async dhcp() {
      report({ stage: 'ipxe' })
      const result = await obtainLease(build.client, nic, site, signal)
      if (result.kind !== 'bound') return false
      const { address, nextServer, bootFile = '' } = result.lease
      settings.set('netX/ifname', theNic)
      settings.set('ip', formatIpv4(address))
      settings.set('next-server', formatIpv4(nextServer))
      settings.set('filename', bootFile)
      report({ address: formatIpv4(address) })
      return true
    },
    async fetch(uri, { command, idleMs }) {
      if (command === 'kernel' || command === 'initrd') report({ stage: command })
      const from = settings.get('ip')
      const ask = { url: uri, from, headers, signal, ...(idleMs === undefined ? {} : { idleMs }) }
      return downloadOf(await fetchHttp(ask))
    },
    sleep: (seconds) => site.sleep(seconds * 1000, signal),
    print(line) {
      lines.push(line)
      report({ console: [...lines] })
    },
  }
}

function downloadOf({
  sha256,
  size: bytes,
  head,
}: Awaited<ReturnType<typeof fetchHttp>>): Download {
  const isScript = head.toString('latin1', 0, 6) === '#!ipxe'
  return { sha256, bytes, ...(isScript && { script: head.toString() }) }
}

/** usr/autoboot.c: ask for an address, and run what comes with it. */
async function autoboot(host: IpxeHost): Promise<string> {
  if (!(await host.dhcp(theNic))) throw new BootFailure('iPXE: no configuration methods succeeded')
  const filename = host.settings.get('filename')
  if (filename === '') throw new BootFailure('iPXE: nothing to boot')
  let download: Download
  try {
    download = await host.fetch(filename, { command: 'autoboot', idleMs: undefined })
  } catch (error) {
    if (!(error instanceof HttpFailure)) throw error
    throw new BootFailure(`iPXE: ${error.message}`)
  }
  if (download.script === undefined) throw new BootFailure(`iPXE: ${filename} is no script`)
  return download.script
}

/** interface/efi/efi_autoexec.c: beside its own file. A server without the file is no failure. */
async function autoexec({ site, signal }: Power, lease: Lease): Promise<string | undefined> {
  const from = formatIpv4(lease.address)
  const own = lease.bootFile ?? ''
  try {
    if (URL.canParse(own)) {
      const url = new URL('autoexec.ipxe', own).href
      return (await fetchHttp({ url, from, headers: {}, signal })).head.toString()
    }
    const transfer = fetchLikeIpxe({
      host: formatIpv4(lease.nextServer),
      port: site.tftpPort,
      localAddress: from,
      file: 'autoexec.ipxe',
      timeoutMs: 10_000,
    })
    return (await unlessPoweredOff(transfer, signal)).bytes.toString()
  } catch (error) {
    if (error instanceof TftpFetchError || error instanceof HttpFailure) return undefined
    throw error
  }
}
