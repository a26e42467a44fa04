import { extname } from 'node:path'
import type { Command } from 'commander'
import { parseDocument } from 'yaml'
import type { ImportedView } from '../serve/api/machines-import.ts'
import { ApiError } from './client.ts'
import { connect } from './connection.ts'
import { CliError } from './error.ts'
import { readText } from './options.ts'
import { print } from './table.ts'

/** A machine of the file, and the line where people find it. */
interface Row {
  readonly line: number
  readonly machine: unknown
}

export function machineImportCommand(machine: Command): void {
  machine
    .command('import <file>')
    .description('add or change many machines, all or none: a YAML list, or CSV with a header')
    .action(async (file: string, _: unknown, command: Command) => {
      const text = readText(file)
      const rows =
        extname(file).toLowerCase() === '.csv' ? csvRows(text, file) : yamlRows(text, file)
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

function yamlRows(text: string, file: string): readonly Row[] {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error) throw new CliError(`${file} is not YAML: ${error.message}`)
  const { contents } = document
  const list: unknown = document.toJS()
  if (!Array.isArray(list) || contents === null || !('items' in contents)) {
    throw new CliError(`${file} must be a YAML list of machines, each with hostname and macs`)
  }
  return list.map((machine: unknown, index) => ({
    line: lineAt(text, contents.items[index]),
    machine,
  }))
}

function lineAt(text: string, node: unknown): number {
  const range = (node as { readonly range?: readonly number[] } | undefined)?.range
  return text.slice(0, range?.[0] ?? 0).split('\n').length
}

const columns = ['hostname', 'mac', 'address', 'serial', 'uuid'] as const

/** Plain CSV: none of these values holds a comma or a quote. Several MACs stand with spaces between. */
function csvRows(text: string, file: string): readonly Row[] {
  const lines = text
    .split(/\r?\n/)
    .map((line, index) => ({ line: index + 1, cells: cellsOf(line) }))
  const [head, ...rest] = lines.filter(({ cells }) => cells.some((cell) => cell !== ''))
  const names = head?.cells.map((cell) => cell.toLowerCase()) ?? []
  const unknown = names.find((name) => !columns.some((column) => column === name))
  if (unknown !== undefined || !names.includes('hostname') || !names.includes('mac')) {
    throw new CliError(
      `${file}:${head?.line ?? 1}: the header must name columns out of ${columns.join(',')}, hostname and mac among them`,
    )
  }
  return rest.map(({ line, cells }) => {
    if (cells.length > names.length) {
      throw new CliError(`${file}:${line}: ${cells.length} values for ${names.length} columns`)
    }
    const pairs = names.flatMap((name, index): [string, unknown][] => {
      const cell = cells[index] ?? ''
      if (cell === '') return []
      return name === 'mac' ? [['macs', cell.split(/\s+/)]] : [[name, cell]]
    })
    return { line, machine: Object.fromEntries(pairs) }
  })
}

const cellsOf = (line: string): readonly string[] =>
  line.split(',').map((cell) =>
    cell
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .trim(),
  )
