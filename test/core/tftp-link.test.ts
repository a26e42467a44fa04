import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Transfer, type TransferReport } from '../../src/core/tftp-transfer.ts'
import { TftpReceiver } from '../../src/simulator/tftp.ts'
import { epochMs, type EpochMs } from '../../src/values/time.ts'
import type { TftpMessage } from '../../src/wire/tftp.ts'
import { fileOf, granted, readRequest } from './tftp-scene.ts'

/** When the copies of one packet arrive, in ms after it was sent; none is a packet lost. */
type Fate = readonly number[]

interface Outcome {
  readonly report: TransferReport | undefined
  readonly received: Buffer
  /** DATA and OACK packets that the server sent. */
  readonly sent: number
}

/**
 * A transfer over a link that loses, doubles and delays packets in both directions, in virtual time.
 * Fates are dealt out in order; once they are used up, every packet arrives after a millisecond.
 */
function transferOver(
  fates: readonly Fate[],
  size: number,
  options: Record<string, number>,
): Outcome {
  const request = readRequest(options)
  const patience = { firstMs: 1000, longestMs: 8000, sends: 1000 }
  let now = epochMs(0)
  const transfer = new Transfer(granted(request, fileOf(size)), request, now, patience)
  const receiver = new TftpReceiver()
  const onTheWay: { at: EpochMs; to: 'client' | 'server'; message: TftpMessage }[] = []
  const left = [...fates]
  let sent = 0

  const send = (to: 'client' | 'server', message: TftpMessage): void => {
    for (const delay of left.shift() ?? [1]) {
      onTheWay.push({ at: epochMs(now + delay), to, message })
    }
  }
  while (transfer.report === undefined) {
    for (let out = transfer.dispatch(now); out !== undefined; out = transfer.dispatch(now)) {
      sent += 1
      send('client', out)
    }
    onTheWay.sort((a, b) => a.at - b.at)
    const next = onTheWay[0]
    now = epochMs(Math.min(next?.at ?? Infinity, transfer.pollAt))
    if (next?.at !== now) continue
    onTheWay.shift()
    const reply = next.to === 'client' ? receiver.process(next.message) : undefined
    if (reply !== undefined) send('server', reply)
    if (next.to === 'server') transfer.process(next.message, now)
  }
  return { report: transfer.report, received: Buffer.concat(receiver.blocks), sent }
}

const windowsize = fc.constantFrom(1, 2, 4, 7, 64)
const size = fc.integer({ min: 0, max: 700 })
const arrival = fc.oneof(
  { arbitrary: fc.constant(1), weight: 8 },
  { arbitrary: fc.integer({ min: 1, max: 40 }), weight: 2 },
  { arbitrary: fc.integer({ min: 900, max: 3500 }), weight: 1 },
)
const fates = (...copies: [least: number, most: number]): fc.Arbitrary<Fate[]> =>
  fc.array(fc.array(arrival, { minLength: copies[0], maxLength: copies[1] }), { maxLength: 300 })

describe('property: over any link', () => {
  test('the whole file arrives, and the server knows it', () => {
    fc.assert(
      fc.property(fates(0, 3), size, windowsize, (link, size, windowsize) => {
        const { report, received } = transferOver(link, size, { blksize: 8, windowsize })
        expect(report).toMatchObject({ end: { kind: 'completed' }, bytes: size })
        expect(received.equals(fileOf(size))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('copies alone never make the server send anything twice in lock-step', () => {
    const copies = fc.array(
      fc.integer({ min: 1, max: 4 }).map((count) => Array.from({ length: count }, () => 1)),
      { maxLength: 300 },
    )
    fc.assert(
      fc.property(copies, size, (link, size) => {
        const { report, sent } = transferOver(link, size, { blksize: 8 })
        expect(report?.retransmits).toBe(0)
        expect(sent).toBe(Math.floor(size / 8) + 2)
      }),
    )
  })

  test('and with windows, they make it send a window twice at the most', () => {
    const copies = fc.array(
      fc.integer({ min: 1, max: 4 }).map((count) => Array.from({ length: count }, () => 1)),
      { maxLength: 600 },
    )
    fc.assert(
      fc.property(copies, size, windowsize, (link, size, windowsize) => {
        const { sent } = transferOver(link, size, { blksize: 8, windowsize })
        expect(sent).toBeLessThanOrEqual(2 * (Math.floor(size / 8) + 2))
      }),
    )
  })
})
