import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Site, udpLink } from '../simulator/link.ts'
import { powerOn } from '../simulator/machine.ts'
import { openRelay } from '../simulator/relay.ts'
import { isToldUnregistered } from './demo-check.ts'
import { type DemoMachine, racks } from './demo-rack.ts'
import type { Ports } from './demo-server.ts'
import { display, type Row, rowOf } from './demo-table.ts'

const host = '127.0.0.1'

/**
 * Shows and awaits them all: every registered machine is up or has given up, and the stranger knows
 * that it is one.
 */
export async function powerOnAll(
  machines: readonly DemoMachine[],
  ports: Ports,
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const plan = machines.map((machine) => {
    const { hostname, nic, kind, rack } = machine
    const firmware = kind.title + (rack === 'relayed' ? ', relayed' : '')
    return { machine, row: rowOf({ hostname, mac: nic.mac, firmware }) }
  })
  const rows = plan.map(({ row }) => row)
  const server = { address: host, port: ports.dhcp }
  const relay = await openRelay(racks.relayed.giaddr, server)
  const site = (rack: DemoMachine['rack']): Site => ({
    plugIn: rack === 'relayed' ? () => relay.plugIn() : () => udpLink(host, server),
    tftpPort: ports.tftp,
    random: randomBytes,
    sleep: (ms, until) => sleep(ms, undefined, { signal: until }),
  })
  const shown = display(rows)

  const boot = async ({ machine, row }: (typeof plan)[number]): Promise<void> => {
    const { kind, nic, rack, delay } = machine
    // An abort means power off, which powerOn tells better than an exception here would.
    await sleep(delay, undefined, { signal }).catch(() => {})
    row.started = Date.now()
    const enough = new AbortController()
    const off = AbortSignal.any([signal, enough.signal])
    await powerOn({ kind, nic, site: site(rack) }, off, (progress) => {
      row.progress = progress
      // It would ask again every minute, for ever.
      if (isToldUnregistered(progress)) enough.abort()
      shown.update(row)
    })
    row.ended = Date.now()
    shown.update(row)
  }
  try {
    await Promise.all(plan.map(boot))
  } finally {
    shown.end()
    relay.close()
  }
  return rows
}
