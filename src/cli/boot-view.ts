import type { BootView, EventView } from '../serve/api/schema-boot.ts'
import type { ApiClient } from './client.ts'
import { localTime } from './table.ts'

export type Timeline = BootView & { readonly events: readonly EventView[] }

export async function boots(client: ApiClient, machine?: string): Promise<readonly BootView[]> {
  const query = machine === undefined ? '' : `?machine=${encodeURIComponent(machine)}`
  return (await client.get<{ boots: BootView[] }>(`/boots${query}`)).boots
}

export const bootColumns = {
  head: ['MACHINE', 'STAGE', 'OUTCOME', 'IMAGE', 'LAST EVENT', 'BOOT', 'PROBLEM'],
  row: (each: BootView): readonly string[] => [
    each.machine,
    each.stage,
    each.outcome,
    each.issued?.image ?? '-',
    localTime(each.updated),
    each.id,
    // Of a machine that is up it is history: a seed that somebody else was refused, say.
    each.outcome === 'up' ? '' : (each.problem ?? ''),
  ],
  empty: 'no machine has booted yet',
}

export const eventLine = (event: EventView): string =>
  `${localTime(event.at)}  ${event.machine}  ${event.kind.padEnd(16)}  ${event.text}\n`
