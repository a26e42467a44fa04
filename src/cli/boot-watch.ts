import { bootColumns, boots, eventLine, type Timeline } from './boot-view.ts'
import type { ApiClient } from './client.ts'
import { watchEvents } from './event-stream.ts'
import { jsonLine, listText, print } from './table.ts'

/** Milliseconds between two redraws: a rack that is powered on makes hundreds of events a second. */
const redrawEvery = 250

const lost = (error: Error): void => {
  process.stderr.write(`rollcall: the server is lost, trying again (${error.message})\n`)
}

export interface WatchOptions {
  readonly out?: { readonly isTTY?: boolean; readonly write: (text: string) => unknown }
  /** Ends it; otherwise the user does. */
  readonly signal?: AbortSignal
  /** Each boot and then each event as an object on a line of its own. */
  readonly json?: boolean | undefined
}

/** A table that is redrawn on a terminal; the list and then a line for each event elsewhere. */
export async function watchBoots(
  client: ApiClient,
  machine: string | undefined,
  { out = process.stdout, signal, json = false }: WatchOptions = {},
): Promise<void> {
  const query = new URLSearchParams(machine === undefined ? {} : { machine })
  const list = async () => {
    const found = await boots(client, machine)
    return json ? found.map((boot) => jsonLine({ boot })).join('') : listText(found, bootColumns)
  }
  let isDue = false
  let isListed = false
  const redraw = async () => {
    isDue = false
    // Home, then what is there, then nothing below it: no flicker as with clearing first.
    out.write(`\u001B[H${(await list()).replaceAll('\n', '\u001B[K\n')}\u001B[J`)
  }
  for await (const seen of watchEvents(client, query, lost, signal)) {
    if (out.isTTY && !json) {
      if (!isListed) out.write('\u001B[2J')
      if (!isDue) setTimeout(() => void redraw().catch(lost), redrawEvery)
      isDue = true
    } else if (seen.kind === 'event') {
      out.write(json ? jsonLine({ event: seen.event }) : eventLine(seen.event))
    } else if (!isListed) {
      out.write(await list())
    }
    isListed = true
  }
}

/** The boot's further events, and those of the boots after it. */
export async function watchTimeline(
  client: ApiClient,
  from: Timeline,
  json: boolean | undefined,
): Promise<void> {
  const query = new URLSearchParams({
    machine: from.machine,
    after: String(from.events.at(-1)?.seq ?? 0),
  })
  let boot = from.id
  for await (const seen of watchEvents(client, query, lost)) {
    if (seen.kind !== 'event') continue
    if (json) {
      print(jsonLine({ event: seen.event }))
      continue
    }
    if (seen.event.boot !== boot) print(`\nboot ${seen.event.boot}\n`)
    boot = seen.event.boot
    print(eventLine(seen.event))
  }
}
