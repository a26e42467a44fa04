import { createHash } from 'node:crypto'
import { formatIpv4 } from '../values/ipv4.ts'
import { type DhcpResult, type Lease, obtainLease, wantsHttpBoot } from './dhcp.ts'
import type { DhcpClient, Nic } from './dhcp-clients.ts'
import { fetchHttp, HttpFailure } from './http.ts'
import type { Site } from './link.ts'
import { BootFailure, type Fetched, type Report } from './progress.ts'
import { fetchLikeIpxe, fetchLikeOvmf, TftpFetchError } from './tftp.ts'

/** How a firmware gets the program that it runs. */
export interface Firmware {
  readonly client: DhcpClient
  /** iPXE stands for a BIOS's PXE ROM here too, of which there is no free one. */
  readonly via: 'tftp-like-ovmf' | 'tftp-like-ipxe' | 'http'
}

/** A machine that is on, for whatever runs on it. */
export interface Power {
  readonly nic: Nic
  readonly site: Site
  readonly report: Report
  /** Aborted when somebody pulls the plug. */
  readonly signal: AbortSignal
}

/** Milliseconds for a boot file of a megabyte or less. */
const transferMs = 20_000

/** @throws BootFailure in the words of a screen */
export async function loadBootFile(firmware: Firmware, power: Power): Promise<Lease> {
  const { nic, site, report, signal } = power
  report({ stage: 'firmware' })
  const wants = firmware.via === 'http' ? wantsHttpBoot : undefined
  const lease = bound(await obtainLease(firmware.client, nic, site, signal, wants))
  report({ address: formatIpv4(lease.address) })
  if (lease.bootFile === undefined) throw new BootFailure('PXE-E53: no boot filename received')

  report({ stage: 'boot-file' })
  report({ bootFile: await fetched(firmware.via, lease, lease.bootFile, power) })
  return lease
}

/** @throws BootFailure unless there is a lease */
export function bound(result: DhcpResult): Lease {
  switch (result.kind) {
    case 'bound':
      return result.lease
    case 'refused':
      throw new BootFailure(`no address: ${result.reason}`)
    case 'unanswered':
      throw new BootFailure(`PXE-E51: no answer to DHCP ${result.message}`)
  }
}

async function fetched(
  via: Firmware['via'],
  lease: Lease,
  file: string,
  { site, signal }: Power,
): Promise<Fetched> {
  const from = formatIpv4(lease.address)
  const host = formatIpv4(lease.nextServer)
  const target = { host, port: site.tftpPort, localAddress: from, file, timeoutMs: transferMs }
  try {
    if (via === 'http') return await fetchLikeUefi(file, from, signal)
    const fetchTftp = via === 'tftp-like-ovmf' ? fetchLikeOvmf : fetchLikeIpxe
    const { bytes } = await unlessPoweredOff(fetchTftp(target), signal)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return { name: file, sha256, size: bytes.length }
  } catch (error) {
    if (!(error instanceof TftpFetchError || error instanceof HttpFailure)) throw error
    throw new BootFailure(error.message)
  }
}

/** A TFTP transfer cannot be called off: it is left to its time-out. */
export async function unlessPoweredOff<T>(transfer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const off = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', off, { once: true })
  try {
    if (signal.aborted) off()
    return await Promise.race([transfer, promise])
  } finally {
    signal.removeEventListener('abort', off)
  }
}

/** EDK2's HTTP boot: the size by HEAD, then the file. Its Host has no port (NetworkPkg/HttpBootDxe). */
async function fetchLikeUefi(url: string, from: string, signal: AbortSignal): Promise<Fetched> {
  const headers = {
    Host: new URL(url).hostname,
    Accept: '*/*',
    'User-Agent': 'UefiHttpBoot/1.0',
  }
  const ask = { url, from, headers, signal, idleMs: transferMs }
  const { headers: promised } = await fetchHttp({ ...ask, method: 'HEAD' })
  const { sha256, size } = await fetchHttp(ask)
  if (promised['content-length'] !== String(size)) {
    throw new BootFailure(`HEAD promised ${promised['content-length']} octets, ${size} came`)
  }
  return { name: url.split('/').at(-1) ?? url, sha256, size }
}
