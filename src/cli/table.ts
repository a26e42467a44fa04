import Table from 'cli-table3'

const none = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Columns without borders, which `awk` and people both read. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    head: [...head],
    chars: none,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
  })
  drawn.push(...rows.map((row) => [...row]))
  const lines = drawn.toString().split('\n')
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

export const print = (text: string): void => {
  process.stdout.write(text)
}

export const printJson = (value: unknown): void => print(`${JSON.stringify(value, null, 2)}\n`)

/** A value that is one of a stream's (NDJSON). */
export const jsonLine = (value: unknown): string => `${JSON.stringify(value)}\n`

export interface Columns<T> {
  readonly head: readonly string[]
  readonly row: (item: T) => readonly string[]
  /** Instead of a lonely head. */
  readonly empty: string
}

export const listText = <T>(items: readonly T[], { head, row, empty }: Columns<T>): string =>
  items.length === 0 ? `${empty}\n` : table(head, items.map(row))

export function printList<T>(
  items: readonly T[],
  json: boolean | undefined,
  columns: Columns<T>,
): void {
  if (json === true) printJson(items)
  else print(listText(items, columns))
}

/** A record, a field a line; fields without a value are left out. */
export function printFields(fields: Readonly<Record<string, string | undefined>>): void {
  const rows = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [{ name, value }],
  )
  const width = Math.max(...rows.map(({ name }) => name.length))
  for (const { name, value } of rows) {
    print(`${name.padEnd(width)}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}\n`)
  }
}

export const localTime = (iso: string): string =>
  new Date(iso).toLocaleString('sv-SE', { hour12: false })
