import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { consoleReport, isConsoleDone, qemuArguments } from '../../src/simulator/qemu.ts'
import { macNumber } from '../support/inventory.ts'

const machine = { mac: macNumber(1), tap: 'tap0', variables: '/tmp/vars' } as const

test('a BIOS machine has iPXE in its card, a UEFI machine has firmware and an empty card', () => {
  const bios = qemuArguments({ ...machine, firmware: 'bios' }).join(' ')
  const uefi = qemuArguments({ ...machine, firmware: 'uefi' }).join(' ')
  expect(bios).toMatch(/mac=52:54:00:00:00:01,bootindex=1,romfile=\/usr\/lib\/ipxe\/qemu\//)
  expect(bios).not.toContain('pflash')
  expect(uefi).toMatch(/mac=52:54:00:00:00:01,bootindex=1,romfile=$/)
  expect(uefi).toContain('unit=1,file=/tmp/vars')
})

describe('what the tiny image says on its console', () => {
  test.each([
    ['ROLLCALL-NIC=eth0 192.0.2.100/24\r', { address: '192.0.2.100' }],
    ['ROLLCALL-INSTANCE=i-1', { instanceId: 'i-1' }],
    ['[    1.5] ROLLCALL-HOSTNAME=worker-1', { hostname: 'worker-1' }],
    ['ROLLCALL-PHONED-HOME', { phonedHome: true }],
    ['ROLLCALL-PROBLEM=no meta-data', { problem: 'no meta-data' }],
    ['ROLLCALL-GOT=meta-data 40', undefined],
    ['Linux version 6.1', undefined],
  ])('%j', (line, change) => {
    expect(consoleReport(line)).toEqual(change)
  })

  test('is what its init says', () => {
    const init = readFileSync(new URL('../boot/images/tiny/init', import.meta.url), 'utf8')
    const words = ['NIC', 'INSTANCE', 'HOSTNAME', 'PROBLEM'].map((word) => `say "${word}=`)
    for (const said of [...words, 'say "PHONED-HOME"', 'say "DONE"']) expect(init).toContain(said)
    expect(isConsoleDone('ROLLCALL-DONE\r')).toBe(true)
  })
})
