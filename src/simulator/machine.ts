import { formatIpv4 } from '../values/ipv4.ts'
import { runCloudInit } from './cloud-init.ts'
import { obtainLease } from './dhcp.ts'
import { type DhcpClient, dhcpClients, type Nic } from './dhcp-clients.ts'
import { bound, type Firmware, loadBootFile, type Power } from './firmware.ts'
import { type IpxeBuild, runIpxeOn } from './ipxe.ts'
import type { Site } from './link.ts'
import { BootFailure, type Progress } from './progress.ts'

/** A kind of machine: its firmware, the iPXE that it comes to, the system's DHCP client. */
export interface MachineKind {
  readonly title: string
  /** Absent: iPXE is the firmware. */
  readonly firmware?: Firmware
  readonly ipxe: IpxeBuild
  readonly system: DhcpClient
}

/** Debian 12's package `ipxe`. */
const debian = { version: '1.0.0+git-20190125.36a4c85-5.1', looksForAutoexec: false }
const of2025 = { version: '1.21.1+git-20250501', looksForAutoexec: true }

export const machineKinds = {
  uefiPxe: {
    title: 'UEFI PXE',
    firmware: { client: dhcpClients.ovmfPxe, via: 'tftp-like-ovmf' },
    ipxe: { client: dhcpClients.ipxeSnponly, arch: 'x86_64', ...debian },
    system: dhcpClients.networkd,
  },
  biosPxe: {
    title: 'BIOS PXE',
    firmware: { client: dhcpClients.biosPxe, via: 'tftp-like-ipxe' },
    ipxe: { client: dhcpClients.ipxeUndionly, arch: 'i386', ...debian },
    system: dhcpClients.networkd,
  },
  uefiHttp: {
    title: 'UEFI HTTP boot',
    firmware: { client: dhcpClients.ovmfHttp, via: 'http' },
    ipxe: { client: dhcpClients.ipxeEfi, arch: 'x86_64', ...debian },
    system: dhcpClients.networkd,
  },
  biosRom: {
    title: 'BIOS, iPXE ROM',
    ipxe: { client: dhcpClients.ipxeRom, arch: 'i386', ...debian },
    system: dhcpClients.udhcpc,
  },
  /** iPXE of 2025, which runs autoexec.ipxe before it asks DHCP. */
  uefiPxe2025: {
    title: 'UEFI PXE, new iPXE',
    firmware: { client: dhcpClients.ovmfPxe, via: 'tftp-like-ovmf' },
    ipxe: { client: dhcpClients.ipxeSnponly, arch: 'x86_64', ...of2025 },
    system: dhcpClients.networkd,
  },
} as const satisfies Record<string, MachineKind>

export interface SimulatedMachine {
  readonly kind: MachineKind
  readonly nic: Nic
  readonly site: Site
}

/**
 * Power on, and what then happens by itself: firmware, iPXE, kernel and initrd, the system,
 * cloud-init (design, "The life of a machine").
 * @param onProgress after every change
 * @returns how far it came: `up`, or with the problem that stopped it
 */
export async function powerOn(
  machine: SimulatedMachine,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void = () => {},
): Promise<Progress> {
  const { kind, nic, site } = machine
  let progress: Progress = { stage: 'off', console: [] }
  const report: Power['report'] = (change) => {
    progress = { ...progress, ...change }
    onProgress(progress)
  }
  const power: Power = { nic, site, report, signal }
  try {
    const lease = kind.firmware && (await loadBootFile(kind.firmware, power))
    const { kernel } = await runIpxeOn(power, kind.ipxe, lease)
    report({ stage: 'system' })
    const system = bound(await obtainLease(kind.system, nic, site, signal))
    const address = formatIpv4(system.address)
    report({ address })
    await runCloudInit(kernel.commandLine, address, power)
  } catch (error) {
    if (error instanceof BootFailure) report({ problem: error.message })
    else if (signal.aborted) report({ problem: 'powered off' })
    else throw error
  }
  return progress
}
