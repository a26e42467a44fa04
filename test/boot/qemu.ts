import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addTap, type Lab, type Namespace } from '../net/lab.ts'
import { type Running } from '../net/lab-process.ts'
import { packageFile, tool } from '../net/lab-tools.ts'

/**
 * How the machine looks for its system.
 * - `bios`: SeaBIOS with QEMU's option ROM, which is iPXE: it asks for a script at once.
 * - `uefi-pxe`: OVMF's own PXE over IPv4, no option ROM: it loads iPXE by TFTP.
 * - `uefi-http`: OVMF's HTTP boot, no option ROM: it loads iPXE by HTTP.
 */
export type Firmware = 'bios' | 'uefi-pxe' | 'uefi-http'

/** A network card. */
export interface Card {
  readonly mac: string
  /** The bridge that it is plugged into; none: no cable. */
  readonly bridge?: string
}

export interface MachineOptions {
  readonly ns: Namespace
  readonly firmware: Firmware
  /** The firmware tries them in this order. */
  readonly cards: readonly [Card, ...Card[]]
  /** MiB. 512 is enough for the tiny image. */
  readonly memory?: number
}

let taps = 0

/** Powers on a virtual machine. The result's text is its serial console. */
export async function powerOn(lab: Lab, options: MachineOptions): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-qemu-'))
  const nics: string[] = []
  for (const [index, { mac, bridge }] of options.cards.entries()) {
    const tap = `tap${taps++}`
    await addTap(options.ns, tap, bridge)
    nics.push('-netdev', `tap,id=net${index},ifname=${tap},script=no,downscript=no`)
    const rom = options.firmware === 'bios' ? biosRom() : ''
    // Of a card that is both legacy and modern (QEMU's default) Debian's option ROM finds nothing.
    const card = `virtio-net-pci,disable-legacy=on,netdev=net${index},mac=${mac},bootindex=${index + 1}`
    nics.push('-device', `${card},romfile=${rom}`)
  }
  const machine = options.ns.start(`machine ${options.cards[0].mac} (${options.firmware})`, [
    tool('qemu-system-x86_64'),
    // TCG, since CI's machines have no usable KVM. Without -cx16 newer kernels fail in QEMU 7.2's
    // emulation of it.
    ...['-accel', 'tcg', '-cpu', 'Nehalem,-cx16', '-smp', '1', '-m', String(options.memory ?? 512)],
    ...['-machine', 'q35,graphics=off', '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-serial', 'stdio', '-object', 'rng-random,id=rng0,filename=/dev/urandom'],
    ...['-device', 'virtio-rng-pci,rng=rng0,romfile='],
    ...firmware(options.firmware, folder),
    ...nics,
  ])
  lab.onClose(async () => {
    await machine.stop('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  return machine
}

/** The one that QEMU itself would take: it holds iPXE for BIOS and for UEFI. */
const biosRom = (): string => packageFile('/usr/lib/ipxe/qemu/efi-virtio.rom', 'ipxe-qemu')

function firmware(kind: Firmware, folder: string): string[] {
  if (kind === 'bios') return []
  const code = packageFile('/usr/share/OVMF/OVMF_CODE_4M.fd', 'ovmf')
  const variables = join(folder, 'vars.fd')
  copyFileSync(packageFile('/usr/share/OVMF/OVMF_VARS_4M.fd', 'ovmf'), variables)
  const support = (name: string, value: 'y' | 'n'): string[] => [
    '-fw_cfg',
    `name=opt/org.tianocore/${name},string=${value}`,
  ]
  return [
    ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${code}`],
    ...['-drive', `if=pflash,format=raw,unit=1,file=${variables}`],
    ...support('IPv4PXESupport', kind === 'uefi-pxe' ? 'y' : 'n'),
    ...support('IPv6PXESupport', 'n'),
  ]
}
