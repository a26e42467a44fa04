import { describe, expect, test } from 'vitest'
import type { BootToken, TokenState } from '../../src/core/boot-token.ts'
import type { Boot } from '../../src/core/boot.ts'
import { isOverdue, nodeNews, type NodeReport } from '../../src/core/join-node.ts'
import type { BootId, ImageName, SeedDigest } from '../../src/values/ids.ts'
import { epochMs, seconds } from '../../src/values/time.ts'
import { machine, macNumber } from '../support/inventory.ts'

const r1 = machine('r1')
const issued = {
  hostname: r1.hostname,
  image: 'worker-1' as ImageName,
  seed: 's' as SeedDigest,
  at: epochMs(100_400),
}
const boot = (fields: Partial<Boot> = {}): Boot => ({
  ...{ id: 'b1' as BootId, machine: r1.id, mac: macNumber(1), stage: 'up', outcome: 'up', issued },
  ...{ opened: epochMs(0), updated: epochMs(0), events: 1 },
  ...fields,
})
const node = (fields: Partial<NodeReport> = {}): NodeReport => ({
  ...{ name: 'r1', ready: true, heartbeat: epochMs(160_000), kernelBoot: 'k1' },
  ...fields,
})
const kinds = (report: NodeReport, of: Boot, earlier: readonly string[] = []) =>
  nodeNews(report, of, new Set(earlier)).map(({ kind }) => kind)

test.each<[string, NodeReport, Boot, readonly string[]]>([
  ['comes and is Ready', node(), boot(), ['node.registered', 'node.ready']],
  ['comes', node({ ready: false }), boot(), ['node.registered']],
  ['is Ready at last', node(), boot({ stage: 'joined' }), ['node.ready']],
  [
    'in the second of the script',
    node({ heartbeat: epochMs(100_000) }),
    boot({ stage: 'joined' }),
    ['node.ready'],
  ],
  ['is Ready still', node(), boot({ stage: 'ready' }), []],
  ['reported before this boot', node({ heartbeat: epochMs(99_999) }), boot(), []],
  ['has another name', node({ name: 'r2' }), boot(), []],
  ['of a boot that is over', node(), boot({ outcome: 'superseded' }), []],
])('a node that %s', (_name, report, of, news) => {
  expect(kinds(report, of)).toEqual(news)
})

test('a node that has never reported, and one of a boot without a script, say nothing', () => {
  const { heartbeat: _none, ...silent } = node()
  expect(kinds(silent, boot())).toEqual([])
  const { issued: _script, ...early } = boot()
  expect(kinds(node(), early)).toEqual([])
})

test('the kernel of an earlier boot says nothing about this one, whatever its clock says', () => {
  expect(kinds(node(), boot(), ['k0', 'k1'])).toEqual([])
  expect(kinds(node(), boot(), ['k0'])).toEqual(['node.registered', 'node.ready'])
})

describe('overdue', () => {
  const token = (state: TokenState): BootToken => ({
    ...{ boot: 'b1' as BootId, machine: r1.id, hostname: r1.hostname, source: 'minted', state },
    ...{ expires: epochMs(0), inCluster: false },
  })
  const at = (now: number, state: TokenState, of: Boot | undefined = boot()) =>
    isOverdue(token(state), of, seconds(900), epochMs(now))
  const end = issued.at + 900_000

  test('not a millisecond before', () => {
    expect([at(end, 'sent'), at(end + 1, 'sent'), at(end + 1, 'claimed')]).toEqual([
      ...[false, true, true],
    ])
  })

  test.each<TokenState>(['wanted', 'minting', 'ready', 'lost', 'withheld'])(
    'not when %s',
    (state) => {
      expect(at(end + 1, state)).toBe(false)
    },
  )

  test('not when Ready, superseded, of another boot, or gone', () => {
    expect(at(end + 1, 'sent', boot({ stage: 'ready' }))).toBe(false)
    expect(at(end + 1, 'sent', boot({ outcome: 'superseded' }))).toBe(false)
    expect(at(end + 1, 'sent', boot({ id: 'b2' as BootId }))).toBe(false)
    expect(isOverdue(token('sent'), undefined, seconds(900), epochMs(end + 1))).toBe(false)
  })
})
