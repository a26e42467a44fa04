import type { Command } from 'commander'
import type { BootView, EventView } from '../serve/api/schema-boot.ts'
import { watchBoots, watchTimeline } from './boot-watch.ts'
import { ApiError, type ApiClient } from './client.ts'
import { connect } from './connection.ts'
import { CliError } from './error.ts'
import { localTime, print, printFields, printJson, printList } from './table.ts'

export type Timeline = BootView & { readonly events: readonly EventView[] }

interface ShowOptions {
  readonly json?: true
  readonly watch?: true
}

export function bootCommands(program: Command): void {
  const boot = program.command('boot').description('how far the machines have come')

  boot
    .command('list [machine]')
    .description("list every machine's latest boot, or the boots of one machine")
    .option('--watch', 'go on, and show what changes')
    .option('--json', 'as JSON')
    .action(async (machine: string | undefined, options: ShowOptions, command: Command) => {
      const client = connect(command)
      if (options.watch) return watchBoots(client, machine)
      printList(await boots(client, machine), options.json, bootColumns)
    })

  boot
    .command('show <machine>')
    .description("show the timeline of a machine's latest boot, or of the boot with this id")
    .option('--watch', 'go on, and show what happens')
    .option('--json', 'as JSON')
    .action(async (which: string, options: ShowOptions, command: Command) => {
      const client = connect(command)
      const timeline = await findBoot(client, which)
      if (options.json) return printJson(timeline)
      printTimeline(timeline)
      if (options.watch) await watchTimeline(client, timeline)
    })
}

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
    each.problem ?? '',
  ],
  empty: 'no machine has booted yet',
}

export const eventLine = (event: EventView): string =>
  `${localTime(event.at)}  ${event.machine}  ${event.kind.padEnd(16)}  ${event.text}\n`

/** Boot ids are ULIDs; a hostname that looks like one is taken for a machine after all. */
async function findBoot(client: ApiClient, which: string): Promise<Timeline> {
  if (/^[0-9a-hjkmnp-tv-z]{26}$/.test(which)) {
    try {
      return await client.get<Timeline>(`/boots/${which}`)
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error
    }
  }
  const [latest] = await boots(client, which)
  if (latest === undefined) throw new CliError(`machine '${which}' has not booted yet`)
  return client.get<Timeline>(`/boots/${latest.id}`)
}

function printTimeline(boot: Timeline): void {
  printFields({
    boot: boot.id,
    machine: boot.machine,
    mac: boot.mac,
    stage: boot.stage,
    outcome: boot.outcome,
    image: boot.issued?.image,
    problem: boot.problem,
  })
  print('\n')
  for (const event of boot.events) print(eventLine(event))
}
