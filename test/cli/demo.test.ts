import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problemsOf, type Result } from '../../src/cli/demo-check.ts'
import type { BootView } from '../../src/serve/api/schema-boot.ts'
import { macNumber } from '../support/inventory.ts'

const source = (name: string): URL => new URL(`../../src/${name}`, import.meta.url)

let temporary: string

beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'rollcall-test-'))
})

/** Fails if a demo has left anything there. */
afterAll(() => rmdirSync(temporary))

async function node(...words: readonly string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, words, { env: { ...process.env, TMPDIR: temporary } })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

test('rollcall demo: every machine is up under its name, and nothing is left behind', async () => {
  const { code, said } = await node(fileURLToPath(source('main.ts')), 'demo', '--machines', '6')
  for (const name of ['r1-n01', 'r1-n02', 'r2-n03', 'r1-n04', 'n05.r1.demo.example', 'r2-n06']) {
    expect(said).toMatch(new RegExp(`^${name} .* is up as ${name} after`, 'm'))
  }
  expect(said).toMatch(/^\(a stranger\) .* unregistered +- /m)
  expect(said).toContain('All 6 machines are up')
  expect(code).toBe(0)
  expect(readdirSync(temporary)).toEqual([])
}, 60_000)

test('a machine with another MAC than the inventory has makes it say so and fail', async () => {
  const sabotage = `
    import { runDemo } from '${source('cli/demo.ts').href}'
    import { demoMachines } from '${source('cli/demo-rack.ts').href}'
    const [first, second, stranger] = demoMachines(2)
    const fields = { ...second.fields, macs: ['52:54:00:99:99:99'] }
    process.exitCode = (await runDemo([first, { ...second, fields }, stranger], false)) ? 0 : 1`
  const { code, said } = await node('--input-type=module', '--eval', sabotage)
  expect(said.split('\n').filter((line) => line.startsWith('WRONG'))).toEqual([
    'WRONG  r1-n02: was told that 52:54:00:10:00:01 is not in the inventory',
    'WRONG  r1-n02: has no boot on the timeline',
  ])
  expect(said).not.toContain('are up in')
  expect(code).toBe(1)
}, 60_000)

describe('what is wrong', () => {
  const file = (name: string) => ({ name, sha256: `of ${name}`, size: 1 })
  const sent = {
    bootFileSha256: new Map([['snponly.efi', 'of snponly.efi']]),
    kernelSha256: 'of kernel',
    initrdSha256: 'of initrd',
  }
  const result: Result = {
    mac: macNumber(1),
    hostname: 'a',
    progress: {
      stage: 'up',
      bootFile: file('snponly.efi'),
      kernel: file('kernel'),
      initrd: file('initrd'),
      phonedHome: true,
      hostname: 'a',
      console: [],
    },
  }
  const boot: BootView = {
    id: 'b1',
    machine: 'a',
    machineId: 'i-1',
    mac: macNumber(1),
    stage: 'up',
    outcome: 'up',
    opened: '2026-11-22T14:36:00.000Z',
    updated: '2026-11-22T14:37:00.000Z',
    issued: { hostname: 'a', image: 'i', at: '2026-11-22T14:36:10.000Z' },
  }
  const stranger: Result = {
    mac: macNumber(2),
    hostname: undefined,
    progress: { stage: 'script', console: ['rollcall: x is not in the inventory; add it with:'] },
  }

  test('nothing', () => {
    expect(problemsOf([result, stranger], [boot], sent)).toEqual([])
  })

  test.each([
    [{ hostname: 'b' }, "a: calls itself 'b'"],
    [{ phonedHome: false }, 'a: its phone home was refused'],
    [
      { bootFile: { ...file('snponly.efi'), sha256: 'x' } },
      'a: got another snponly.efi than there is',
    ],
    [{ kernel: file('x') }, 'a: got another kernel than was imported'],
    [{ initrd: file('x') }, 'a: got another initrd than was imported'],
    [{ stage: 'seed', problem: 'no seed' }, 'a: came as far as seed: no seed'],
  ] as const)('the machine: %j', (change, problem) => {
    const other = { ...result, progress: { ...result.progress, ...change } } as Result
    expect(problemsOf([other], [boot], sent)).toEqual([problem])
  })

  test.each([
    [{ outcome: 'misnamed' }, "a: is 'misnamed' on the timeline, not 'up'"],
    [{ issued: { hostname: 'b' } }, "a: was issued the name 'b' by the timeline"],
    [{ mac: 'x' }, `a: booted from ${macNumber(1)}, and x is on the timeline`],
    [{ machine: 'b' }, 'a: has no boot on the timeline'],
  ])('the timeline: %j', (change, problem) => {
    expect(problemsOf([result], [{ ...boot, ...change } as BootView], sent)).toEqual([problem])
  })

  test('a stranger with a name, one who was told nothing, one with a timeline', () => {
    const { mac, progress } = stranger
    const named = { ...stranger, progress: { ...progress, hostname: 'x' } }
    expect(problemsOf([named], [], sent)).toEqual([
      `${mac} is not in the inventory and got the name 'x'`,
    ])
    const untold: Result = { ...stranger, progress: { stage: 'ipxe', console: [], problem: 'off' } }
    expect(problemsOf([untold], [], sent)).toEqual([
      `${mac} is not in the inventory and was not told so: off`,
    ])
    expect(problemsOf([stranger], [{ ...boot, mac }], sent)).toEqual([
      `${mac} is not in the inventory and has a timeline`,
    ])
  })
})
