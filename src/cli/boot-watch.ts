import { bootColumns, boots, eventLine, type Timeline } from './boot-view.ts'
import type { ApiClient } from './client.ts'
import { watchEvents } from './event-stream.ts'
import { print, printList, table } from './table.ts'

/** Milliseconds between two redraws: a rack that is powered on makes hundreds of events a second. */
const redrawEvery = 250

const lost = (error: Error): void => {
  process.stderr.write(`rollcall: the server is lost, trying again (${error.message})\n`)
}

/** A table that is redrawn on a terminal; a line for each event elsewhere. */
export async function watchBoots(client: ApiClient, machine: string | undefined): Promise<void> {
  const query = new URLSearchParams(machine === undefined ? {} : { machine })
  if (!process.stdout.isTTY) {
    let isListed = false
    for await (const seen of watchEvents(client, query, lost)) {
      if (seen.kind === 'event') print(eventLine(seen.event))
      else if (!isListed) printList(await boots(client, machine), false, bootColumns)
      isListed = true
    }
    return
  }
  let isDue = false
  const draw = async () => {
    isDue = false
    const rows = (await boots(client, machine)).map(bootColumns.row)
    // Home, then what is there, then nothing below it: no flicker as with clearing first.
    const drawn = table(bootColumns.head, rows).replaceAll('\n', '\u001B[K\n')
    print(`\u001B[H${drawn}\u001B[J`)
  }
  print('\u001B[2J')
  for await (const _ of watchEvents(client, query, lost)) {
    if (isDue) continue
    isDue = true
    setTimeout(() => void draw().catch(lost), redrawEvery)
  }
}

/** The boot's further events, and those of the boots after it. */
export async function watchTimeline(client: ApiClient, from: Timeline): Promise<void> {
  const query = new URLSearchParams({
    machine: from.machine,
    after: String(from.events.at(-1)?.seq ?? 0),
  })
  let boot = from.id
  for await (const seen of watchEvents(client, query, lost)) {
    if (seen.kind !== 'event') continue
    if (seen.event.boot !== boot) print(`\nboot ${seen.event.boot}\n`)
    boot = seen.event.boot
    print(eventLine(seen.event))
  }
}
