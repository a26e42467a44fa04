import { extname } from 'node:path'
import { parseDocument } from 'yaml'
import { CliError } from './error.ts'

/** A machine of the file, and the line where people find it. */
export interface Row {
  readonly line: number
  readonly machine: unknown
}

/** @param file its name, which may tell the format */
export const machineRows = (text: string, file: string): readonly Row[] =>
  isCsv(text, file) ? csvRows(text, file) : yamlRows(text, file)

function isCsv(text: string, file: string): boolean {
  const ending = extname(file).toLowerCase()
  if (['.csv', '.yaml', '.yml', '.json'].includes(ending)) return ending === '.csv'
  // A header is words with commas between; no YAML list begins like that.
  return /^\s*"?\w+"?[ \t]*,/.test(text)
}

/** `mac` or `macs`, one MAC or several: people write it as it comes to them. */
function withMacs(machine: unknown, where: string): unknown {
  if (typeof machine !== 'object' || machine === null) return machine
  const { mac, macs = mac, ...rest } = machine as Partial<Record<string, unknown>>
  if (mac !== undefined && macs !== mac) throw new CliError(`${where}: has both mac and macs`)
  if (macs === undefined) return machine
  return { ...rest, macs: typeof macs === 'string' ? macs.trim().split(/\s+/) : macs }
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
  return list.map((machine: unknown, index) => {
    const line = lineAt(text, contents.items[index])
    return { line, machine: withMacs(machine, `${file}:${line}`) }
  })
}

function lineAt(text: string, node: unknown): number {
  const range = (node as { readonly range?: readonly number[] } | undefined)?.range
  return text.slice(0, range?.[0] ?? 0).split('\n').length
}

const columns: readonly string[] = ['hostname', 'mac', 'macs', 'address', 'serial', 'uuid']

/** Plain CSV: none of these values holds a comma or a quote. */
function csvRows(text: string, file: string): readonly Row[] {
  const lines = text
    .split(/\r?\n/)
    .map((line, index) => ({ line: index + 1, cells: cellsOf(line) }))
  const [head, ...rest] = lines.filter(({ cells }) => cells.some((cell) => cell !== ''))
  const names = head?.cells.map((cell) => cell.toLowerCase()) ?? []
  const isUsable = names.every((name, at) => columns.includes(name) && names.indexOf(name) === at)
  if (!isUsable || !names.includes('hostname') || !names.some((name) => /^macs?$/.test(name))) {
    throw new CliError(
      `${file}:${head?.line ?? 1}: the header must name columns out of hostname,macs,address,serial,uuid, each once, hostname and macs among them`,
    )
  }
  return rest.map(({ line, cells }) => {
    if (cells.length > names.length) {
      throw new CliError(`${file}:${line}: ${cells.length} values for ${names.length} columns`)
    }
    const pairs = names.flatMap((name, index): [string, unknown][] => {
      const cell = cells[index] ?? ''
      return cell === '' ? [] : [[name, cell]]
    })
    return { line, machine: withMacs(Object.fromEntries(pairs), `${file}:${line}`) }
  })
}

const cellsOf = (line: string): readonly string[] =>
  line.split(',').map((cell) =>
    cell
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .trim(),
  )
