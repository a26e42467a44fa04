import { type MachineKind, machineKinds } from '../simulator/machine.ts'
import type { Nic } from '../simulator/dhcp-clients.ts'
import { type Mac, macToBytes, parseMac } from '../values/mac.ts'
import { must } from '../values/parse.ts'
import { parseSmbiosUuid } from '../values/uuid.ts'

/** Two racks on loopback: all of 127.0.0.0/8 is this host's, so every machine speaks from its own address. */
export const racks = {
  /** On the server's own segment, which has the address 127.0.0.1. */
  attached: {
    subnet: 'rack-1',
    fields: {
      network: '127.0.0.0/16',
      pools: ['127.0.10.10-127.0.13.250'],
      domain: 'demo.example',
      unregistered: 'serve',
    },
  },
  /** Behind a switch that relays DHCP. */
  relayed: {
    subnet: 'rack-2',
    giaddr: '127.78.0.1',
    fields: {
      network: '127.78.0.0/16',
      pools: ['127.78.10.10-127.78.13.250'],
      router: '127.78.0.1',
      domain: 'demo.example',
    },
  },
} as const

export interface DemoMachine {
  /** What the inventory calls it; a stranger is not in it. */
  readonly hostname: string | undefined
  readonly rack: keyof typeof racks
  readonly kind: MachineKind
  readonly nic: Nic
  /** The inventory's record, but for the hostname. */
  readonly fields: {
    readonly macs: readonly Mac[]
    readonly address?: string
    readonly uuid: string
    readonly labels: Readonly<Record<string, string>>
    readonly cloudConfig?: string
  }
  /** Milliseconds after the first: nobody powers on a rack at once. */
  readonly delay: number
}

const kinds = [
  machineKinds.uefiPxe,
  machineKinds.biosPxe,
  machineKinds.uefiHttp,
  machineKinds.biosRom,
  machineKinds.uefiPxe2025,
] as const

/** @returns `count` machines of every kind, two thirds of them in the first rack, and a stranger there */
export function demoMachines(count: number): readonly DemoMachine[] {
  const registered = Array.from({ length: count }, (_, index) => registeredMachine(index))
  const stranger = { ...registeredMachine(count), hostname: undefined, rack: 'attached' as const }
  return [...registered, stranger]
}

function registeredMachine(index: number): DemoMachine {
  const rack = index % 3 === 2 ? 'relayed' : 'attached'
  const number = String(index + 1).padStart(2, '0')
  const mac = macOf(0x10, index)
  const uuid = must(parseSmbiosUuid(`4c4c4544-0042-3510-80${hex(index)}-b4c04f4e3133`))
  const inRack = rack === 'attached' ? 'r1' : 'r2'
  return {
    // One name in seven has dots, which cloud-init has to be told about.
    hostname: index % 7 === 4 ? `n${number}.${inRack}.demo.example` : `${inRack}-n${number}`,
    rack,
    kind: kinds[index % kinds.length] ?? kinds[0],
    nic: { mac, uuid, duid: duidOf(mac) },
    fields: {
      // Some have a second port, which is the first in the inventory and has no cable.
      macs: index % 4 === 1 ? [macOf(0x20, index), mac] : [mac],
      ...(index % 4 === 0 && rack === 'attached' && { address: `127.0.20.${index + 10}` }),
      uuid,
      labels: { rack: racks[rack].subnet },
      ...(index % 5 === 3 && { cloudConfig: '#cloud-config\ntimezone: Etc/UTC\n' }),
    },
    delay: index * 90 + ((index * 7) % 5) * 60,
  }
}

const hex = (octet: number): string => (octet & 0xff).toString(16).padStart(2, '0')

const macOf = (group: number, index: number): Mac =>
  must(parseMac(`52:54:00:${hex(group)}:${hex(index >> 8)}:${hex(index)}`))

/** 255, IAID, DUID-EN of systemd (43793), and eight octets that systemd hashes from the machine id. */
const duidOf = (mac: Mac): Uint8Array =>
  Uint8Array.of(
    255,
    ...macToBytes(mac).subarray(2),
    0,
    2,
    0,
    0,
    0xab,
    0x11,
    0,
    0,
    ...macToBytes(mac),
  )
