import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Mac } from '../values/mac.ts'
import { program } from './programs.ts'
import type { Report } from './progress.ts'

/** A machine whose firmware is real: SeaBIOS with iPXE in the card's ROM, or OVMF's own PXE. */
export interface VirtualMachine {
  readonly firmware: 'bios' | 'uefi'
  readonly mac: Mac
  /** An existing tap device. */
  readonly tap: string
  /** UEFI keeps its variables here; must not exist. */
  readonly variables: string
}

const ovmf = '/usr/share/OVMF/OVMF_CODE_4M.fd'
const ovmfVariables = '/usr/share/OVMF/OVMF_VARS_4M.fd'
const biosRom = '/usr/lib/ipxe/qemu/efi-virtio.rom'

/** Files that must be there, and Debian's package for each. */
export const firmwareFiles = { [ovmf]: 'ovmf', [ovmfVariables]: 'ovmf', [biosRom]: 'ipxe-qemu' }

/** MiB: a kernel, the tiny initrd twice, and what the kernel needs. */
const memory = 512

export function qemuArguments({
  firmware,
  mac,
  tap,
  variables,
}: VirtualMachine): readonly string[] {
  const pflash = ['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${ovmf}`]
  const kept = ['-drive', `if=pflash,format=raw,unit=1,file=${variables}`]
  const noIpv6 = ['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n']
  return [
    // Newer kernels stumble over QEMU 7.2's emulation of cmpxchg16b.
    ...['-accel', 'tcg', '-cpu', 'Nehalem,-cx16', '-smp', '1', '-m', String(memory)],
    ...['-machine', 'q35,graphics=off', '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-serial', 'stdio', '-object', 'rng-random,id=rng0,filename=/dev/urandom'],
    ...['-device', 'virtio-rng-pci,rng=rng0,romfile='],
    ...(firmware === 'uefi' ? [...pflash, ...kept, ...noIpv6] : []),
    ...['-netdev', `tap,id=net0,ifname=${tap},script=no,downscript=no`],
    // Debian's ROM finds no card in one that is legacy and modern at once, as QEMU makes it by itself.
    '-device',
    `virtio-net-pci,disable-legacy=on,netdev=net0,mac=${mac},bootindex=1,` +
      `romfile=${firmware === 'bios' ? biosRom : ''}`,
  ]
}

/** Power on. The machine reports what its serial console says. */
export function startVirtualMachine(
  machine: VirtualMachine,
  onLine: (line: string) => void,
): ChildProcess {
  if (machine.firmware === 'uefi') copyFileSync(ovmfVariables, machine.variables)
  const qemu = spawn(program('qemu-system-x86_64'), qemuArguments(machine), {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  createInterface({ input: qemu.stdout }).on('line', onLine)
  return qemu
}

/** What the tiny image says on its console, a line for each step: `ROLLCALL-HOSTNAME=worker-1`. */
export function consoleReport(line: string): Parameters<Report>[0] | undefined {
  const [, what, value = ''] = /ROLLCALL-([A-Z-]+)(?:=(.*))?/.exec(line.trimEnd()) ?? []
  switch (what) {
    case 'NIC':
      return { address: value.split(/[ /]/)[1] ?? '' }
    case 'INSTANCE':
      return { instanceId: value }
    case 'HOSTNAME':
      return { hostname: value }
    case 'PHONED-HOME':
      return { phonedHome: true }
    case 'PROBLEM':
      return { problem: value }
    default:
      return undefined
  }
}

/** Its last line. */
export const isConsoleDone = (line: string): boolean => line.includes('ROLLCALL-DONE')
