import type { BootEvent } from '../../../src/core/boot-event.ts'
import { record } from '../../../src/core/timeline.ts'
import type { Store } from '../../../src/store/store.ts'
import { bootId, type ImageName } from '../../../src/values/ids.ts'
import { epochMs } from '../../../src/values/time.ts'
import { start } from './management.ts'
import { ip, macNumber, machine } from '../../support/inventory.ts'

/** Puts a machine with this number into the store, past the API. */
export const addMachine = (store: Store, n: number) =>
  store.update(() => ({
    changes: [{ kind: 'machine.put', machine: machine(`w${n}`, { macs: [macNumber(n)] }) }],
    result: undefined,
  }))

/** Lets things happen to a machine, one second apart, as the other listeners would record them. */
export async function happen(store: Store, n: number, ...events: readonly BootEvent[]) {
  const { id } = machine(`w${n}`)
  for (const event of events) {
    ticks += 1
    const now = epochMs(start + ticks * 1000)
    const fresh = bootId(now, new Uint8Array(10).fill(n))
    await store.update((facts) => ({
      changes: record({ machine: id, mac: macNumber(n), event }, facts.latestBoot(id), fresh, now),
      result: undefined,
    }))
  }
}
let ticks = 0

export const ack: BootEvent = {
  kind: 'dhcp.ack',
  client: 'pxe',
  address: ip('192.0.2.50'),
  arch: 7,
}
export const offer: BootEvent = { ...ack, kind: 'dhcp.offer' }
export const script: BootEvent = {
  kind: 'script.sent',
  image: 'worker-1' as ImageName,
  hostname: machine('w1').hostname,
}
