import type { Command } from 'commander'
import { bootColumns, boots, eventLine, type Timeline } from './boot-view.ts'
import { watchBoots, watchTimeline } from './boot-watch.ts'
import { ApiError, type ApiClient } from './client.ts'
import { connect } from './connection.ts'
import { CliError } from './error.ts'
import { jsonLine, print, printFields, printJson, printList } from './table.ts'

interface ShowOptions {
  readonly json?: true
  readonly watch?: true
}

const asJson = 'as JSON; with --watch {"boot": …} and {"event": …}, each on a line'

export function bootCommands(program: Command): void {
  const boot = program.command('boot').description('how far the machines have come')

  boot
    .command('list [machine]')
    .description("list every machine's latest boot, or the boots of one machine")
    .option('--watch', 'go on, and show what changes')
    .option('--json', asJson)
    .action(async (machine: string | undefined, options: ShowOptions, command: Command) => {
      const client = connect(command)
      if (options.watch) return watchBoots(client, machine, { json: options.json })
      printList(await boots(client, machine), options.json, bootColumns)
    })

  boot
    .command('show <machine>')
    .description("show the timeline of a machine's latest boot, or of the boot with this id")
    .option('--watch', 'go on, and show what happens')
    .option('--json', asJson)
    .action(async (which: string, options: ShowOptions, command: Command) => {
      const client = connect(command)
      const timeline = await findBoot(client, which)
      if (options.watch && options.json) printLines(timeline)
      else if (options.json) printJson(timeline)
      else printTimeline(timeline)
      if (options.watch) await watchTimeline(client, timeline, options.json)
    })
}

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

function printLines({ events, ...boot }: Timeline): void {
  print(jsonLine({ boot }))
  for (const event of events) print(jsonLine({ event }))
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
