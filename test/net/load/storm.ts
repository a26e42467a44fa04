import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab, Namespace } from '../lab.ts'
import type { Running } from '../lab-process.ts'
import { nodeBinary } from '../lab-rollcall.ts'
import { temporaryFolder } from '../temporary-folder.ts'

/** What a machine is after: an address, or leave to keep the one that it has. */
export type Ask =
  | { readonly kind: 'boot'; readonly mac: string }
  | { readonly kind: 'init-reboot' | 'rebind'; readonly mac: string; readonly address: string }

export interface Storm {
  /** Addresses of the server and of the relay that the machines are behind. */
  readonly server: string
  readonly relay: string
  /** Any address in the machines' subnet. */
  readonly link: string
  /** One machine each; they ask in this order, many at once. */
  readonly asks: readonly Ask[]
}

export interface Answer {
  readonly answer: 'ack' | 'nak'
  readonly mac: string
  readonly address: string
}

export interface RunningStorm {
  readonly process: Running
  /** What the machines have been answered so far. */
  readonly answers: () => readonly Answer[]
  readonly answered: (count: number, seconds: number) => Promise<void>
}

/** Begins a storm in the relay's namespace. It ends when every machine has its answer, or is stopped. */
export function startStormAt(lab: Lab, relay: Namespace, storm: Storm): RunningStorm {
  const file = join(temporaryFolder(lab), 'storm.json')
  writeFileSync(file, JSON.stringify(storm))
  const program = join(import.meta.dirname, 'dhcp-storm.ts')
  const process = relay.start('storm', [nodeBinary, program, file])
  return {
    process,
    answers: () =>
      Array.from(process.text().matchAll(/^\d+ (ack|nak) (\S+) (\S+)\n/gm), (found) => ({
        answer: found[1] as Answer['answer'],
        mac: found[2] ?? '',
        address: found[3] ?? '',
      })),
    answered: async (count, seconds) => {
      await process.waitFor(new RegExp(`^${count} `, 'm'), seconds)
    },
  }
}
