import type { Command } from 'commander'
import type { ImportedView } from '../serve/api/machines-import.ts'
import { ApiError } from './client.ts'
import { connect } from './connection.ts'
import { CliError } from './error.ts'
import { machineRows, type Row } from './machine-file.ts'
import { readStandardInput, readText } from './options.ts'
import { print } from './table.ts'

const help = `
CSV has a header; its columns are hostname, macs (or mac), address, serial and uuid, in any order, and
several MACs stand with spaces between:

  hostname,macs,address
  w1,52:54:00:a1:b2:01,192.0.2.51
  w2,52:54:00:a1:b2:02 52:54:00:a1:b2:03,

YAML is a list, which can say more:

  - hostname: w3
    macs: [52:54:00:a1:b2:04]
    address: 192.0.2.53
    labels: { rack: r12 }
    cloudConfig: |
      packages: [htop]

On a machine that is there already, what a row leaves out stays as it is.`

export function machineImportCommand(machine: Command): void {
  machine
    .command('import <file>')
    .description('add or change many machines, all or none, from CSV or YAML ("-": standard input)')
    .addHelpText('after', help)
    .action(async (path: string, _: unknown, command: Command) => {
      const isStandardInput = path === '-'
      const file = isStandardInput ? 'standard input' : path
      const text = isStandardInput ? await readStandardInput() : readText(path)
      const rows = machineRows(text, file)
      const machines = rows.map((row) => row.machine)
      try {
        const client = connect(command)
        const { body } = await client.send<ImportedView>('POST', '/machines/import', {
          json: { machines },
        })
        print(`${body.created} added, ${body.updated} changed, ${body.unchanged} as they were\n`)
      } catch (error) {
        if (!(error instanceof ApiError) || error.problem.errors === undefined) throw error
        throw new CliError(withLines(error.problem.errors, rows, file))
      }
    })
}

/** `machines[3].macs[0]` means nothing to whoever wrote the file: its line does. */
function withLines(
  errors: readonly { readonly field: string; readonly problem: string }[],
  rows: readonly Row[],
  file: string,
): string {
  const lineOf = (index: string) => rows[Number(index)]?.line ?? 0
  const lines = errors.map(({ field, problem }) => {
    const found = /^machines\[(\d+)\]\.?(.*)$/.exec(field)
    if (!found) return `${file}: ${field}: ${problem}`
    const text = problem.replaceAll(
      /machines\[(\d+)\]/g,
      (_, index: string) => `line ${lineOf(index)}`,
    )
    return `${file}:${lineOf(found[1] ?? '')}: ${found[2] ? `${found[2]}: ` : ''}${text}`
  })
  return `nothing was imported\n${lines.join('\n')}`
}
