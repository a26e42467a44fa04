import { readFileSync } from 'node:fs'
import { parseFirmware, type Firmware } from './core/boot-file.ts'
import type { ScriptBodies } from './core/boot-script.ts'

/** What is in `netboot/`: files of the installation, which a site may edit. */
export interface Netboot {
  readonly firmware: Firmware
  readonly scripts: ScriptBodies
}

/** @throws Error on a file that is missing or does not say what it must */
export function loadNetboot(): Netboot {
  const read = (name: string): string =>
    readFileSync(new URL(`../netboot/${name}`, import.meta.url), 'utf8')
  return {
    firmware: parseFirmware(JSON.parse(read('firmware.json'))),
    scripts: {
      boot: read('boot.ipxe'),
      unregistered: read('unregistered.ipxe'),
      wait: read('wait.ipxe'),
      autoexec: read('autoexec.ipxe'),
    },
  }
}
