import type { Progress } from '../simulator/progress.ts'
import { isToldUnregistered } from './demo-check.ts'
import type { Mac } from '../values/mac.ts'
import { print, table } from './table.ts'

/** A machine of the demo while it boots. */
export interface Row {
  /** undefined: the inventory does not know it. */
  readonly hostname: string | undefined
  readonly mac: Mac
  /** What boots it, in words. */
  readonly firmware: string
  progress: Progress
  /** Milliseconds since 1970; undefined while it is off. */
  started: number | undefined
  /** When it came to its end, whichever it is. */
  ended: number | undefined
}

/** A machine that is off. */
export const rowOf = (machine: Pick<Row, 'hostname' | 'mac' | 'firmware'>): Row => ({
  ...machine,
  progress: { stage: 'off', console: [] },
  started: undefined,
  ended: undefined,
})

/** Shows how the rack comes up. */
export interface Display {
  /** Something has changed. */
  update(row: Row): void
  /** Nothing will change any more. */
  end(): void
}

const head = ['MACHINE', 'MAC', 'FIRMWARE', 'ADDRESS', 'STAGE', 'NAME IT GOT', 'SECONDS']

const cells = ({ hostname, mac, firmware, progress, started, ended }: Row): readonly string[] => [
  hostname ?? '(a stranger)',
  mac,
  firmware,
  progress.address ?? '-',
  stageText(progress),
  progress.stage === 'up' ? (progress.hostname ?? '-') : '-',
  started === undefined ? '-' : (((ended ?? Date.now()) - started) / 1000).toFixed(1),
]

function stageText(progress: Progress): string {
  if (isToldUnregistered(progress)) return 'unregistered'
  return progress.problem === undefined ? progress.stage : `${progress.stage}: failed`
}

function endText(progress: Progress): string {
  if (isToldUnregistered(progress)) return 'waits to be registered'
  return progress.stage === 'up' ? `is up as ${progress.hostname}` : `ended: ${progress.problem}`
}

const draw = (rows: readonly Row[]): string => table(head, rows.map(cells))

/** A table that is redrawn on a terminal; elsewhere a line for each machine that is done, then the table. */
export const display = (rows: readonly Row[]): Display =>
  process.stdout.isTTY ? liveTable(rows, process.stdout) : lines(rows)

/** Milliseconds between two redraws. */
const redrawEvery = 100

interface Screen {
  readonly rows: number
  readonly columns: number
}

function liveTable(rows: readonly Row[], screen: Screen): Display {
  let drawn = 0
  const redraw = (): void => {
    // A cursor cannot go up past the screen's top, nor tell a line that wraps from two: what does not
    // fit is shown at the end.
    const room = Math.max(screen.rows - 3, 3)
    const shown = draw(rows).trimEnd().split('\n').slice(0, room)
    const text = shown.map((line) => `${line.slice(0, screen.columns - 1)}\u001B[K\n`).join('')
    print(`${drawn > 0 ? `\u001B[${drawn}A` : ''}${text}\u001B[J`)
    drawn = shown.length
  }
  redraw()
  const timer = setInterval(redraw, redrawEvery)
  return {
    update() {},
    end() {
      clearInterval(timer)
      print(drawn > 0 ? `\u001B[${drawn}A\u001B[J` : '')
      print(draw(rows))
    },
  }
}

function lines(rows: readonly Row[]): Display {
  const told = new Set<Row>()
  return {
    update(row) {
      const { progress } = row
      if (told.has(row) || row.ended === undefined) return
      told.add(row)
      const [machine, mac, firmware, address, , , seconds] = cells(row)
      print(
        `${machine} (${mac}, ${firmware}) at ${address} ${endText(progress)} after ${seconds} s\n`,
      )
    },
    end() {
      print(`\n${draw(rows)}`)
    },
  }
}
