import { describe, expect, test } from 'vitest'
import { ack, error, readRequest, Scene } from './tftp-scene.ts'

describe('a quiet network', () => {
  test('lock-step, no options (RFC 1350)', () => {
    const scene = new Scene(1025)
    expect(scene.sends).toBe('DATA 1')
    expect(scene.at(10).receives(ack(1))).toBe('DATA 2')
    expect(scene.at(20).receives(ack(2))).toBe('DATA 3')
    expect(scene.report).toBeUndefined()
    expect(scene.at(30).receives(ack(3))).toBe('')
    expect(scene.report).toEqual({
      end: { kind: 'completed' },
      bytes: 1025,
      retransmits: 0,
      ms: 30,
    })
  })

  test('options: the OACK is block 0 (RFC 2347)', () => {
    const scene = new Scene(1025, { tsize: 0, blksize: 1024 })
    expect(scene.sends).toBe('OACK tsize=1025 blksize=1024')
    expect(scene.receives(ack(0))).toBe('DATA 1')
    expect(scene.receives(ack(1))).toBe('DATA 2')
    expect(scene.receives(ack(2))).toBe('')
    expect(scene.report).toMatchObject({ end: { kind: 'completed' }, bytes: 1025 })
  })

  test('a window at a time (RFC 7440)', () => {
    const scene = new Scene(8 * 9 + 1, { blksize: 8, windowsize: 4 })
    expect(scene.sends).toBe('OACK blksize=8 windowsize=4')
    expect(scene.receives(ack(0))).toBe('DATA 1 2 3 4')
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    expect(scene.receives(ack(8))).toBe('DATA 9 10')
    expect(scene.receives(ack(10))).toBe('')
    expect(scene.report).toMatchObject({ end: { kind: 'completed' }, bytes: 73, retransmits: 0 })
  })

  test.each([
    [0, [0]],
    [511, [511]],
    [512, [512, 0]],
    [513, [512, 1]],
    [1024, [512, 512, 0]],
  ])('a file of %i octets goes in blocks of %j', (size, lengths) => {
    const scene = new Scene(size)
    const seen = lengths.map((_, index) => {
      const message = scene.dispatch()
      scene.transfer.process(ack(index + 1), scene.transfer.pollAt)
      return message?.op === 'data' ? message.data.length : message
    })
    expect(seen).toEqual(lengths)
    expect(scene.report).toMatchObject({ end: { kind: 'completed' }, bytes: size })
  })
})

describe('silence', () => {
  test('is answered by the same block, ever later, and in the end by giving up', () => {
    const scene = new Scene(2000)
    expect(scene.sends).toBe('DATA 1')
    expect(scene.at(500).receives(ack(1))).toBe('DATA 2')
    expect(scene.at(1499).sends).toBe('')
    expect([scene.sleeps(), scene.sends]).toEqual([1500, 'DATA 2'])
    expect([scene.sleeps(), scene.sends]).toEqual([3500, 'DATA 2'])
    expect([scene.sleeps(), scene.sends]).toEqual([7500, 'DATA 2'])
    expect([scene.sleeps(), scene.sends]).toEqual([15_500, 'DATA 2'])
    expect([scene.sleeps(), scene.sends]).toEqual([23_500, ''])
    expect(scene.report).toEqual({
      end: { kind: 'timed-out', reason: 'no answer to block 2 of 4' },
      bytes: 512,
      retransmits: 4,
      ms: 23_500,
    })
  })

  test('is forgotten once there is progress', () => {
    const scene = new Scene(2000)
    expect(scene.sends).toBe('DATA 1')
    expect([scene.sleeps(), scene.sends]).toEqual([1000, 'DATA 1'])
    expect([scene.sleeps(), scene.sends]).toEqual([3000, 'DATA 1'])
    expect(scene.at(3100).receives(ack(1))).toBe('DATA 2')
    expect([scene.sleeps(), scene.sends]).toEqual([4100, 'DATA 2'])
  })

  test('after the OACK counts in the same way', () => {
    const scene = new Scene(2000, { tsize: 0 })
    expect(scene.sends).toBe('OACK tsize=2000')
    for (const ms of [1000, 3000, 7000, 15_000]) {
      expect([scene.sleeps(), scene.sends]).toEqual([ms, 'OACK tsize=2000'])
    }
    expect([scene.sleeps(), scene.sends]).toEqual([23_000, ''])
    expect(scene.report?.end).toEqual({ kind: 'timed-out', reason: 'no answer to the OACK' })
  })

  test('lasts as long as the client wished (RFC 2349), once the client has shown to be there', () => {
    const scene = new Scene(2000, { timeout: 3 })
    expect(scene.sends).toBe('OACK timeout=3')
    expect([scene.sleeps(), scene.sends]).toEqual([1000, 'OACK timeout=3'])
    expect(scene.receives(ack(0))).toBe('DATA 1')
    for (const ms of [4000, 7000, 10_000, 13_000]) {
      expect([scene.sleeps(), scene.sends]).toEqual([ms, 'DATA 1'])
    }
    expect([scene.sleeps(), scene.sends]).toEqual([16_000, ''])
  })
})

describe("no Sorcerer's Apprentice (RFC 1123 section 4.2.3.1)", () => {
  test('a repeated ACK never repeats DATA', () => {
    const scene = new Scene(2000)
    expect(scene.sends).toBe('DATA 1')
    expect(scene.receives(ack(1), ack(1))).toBe('DATA 2')
    expect(scene.receives(ack(1), ack(1), ack(1))).toBe('')
    expect(scene.receives(ack(2))).toBe('DATA 3')
    expect(scene.receives(ack(2), ack(1))).toBe('')
  })

  test('an ACK that was only late leaves no second stream behind', () => {
    const scene = new Scene(2000)
    expect(scene.sends).toBe('DATA 1')
    scene.sleeps()
    expect(scene.sends).toBe('DATA 1')
    expect(scene.receives(ack(1))).toBe('DATA 2')
    expect(scene.receives(ack(1))).toBe('') // the client's answer to the second DATA 1
    expect(scene.receives(ack(2))).toBe('DATA 3')
    expect(scene.report).toBeUndefined()
  })
})

describe('an ERROR from the client', () => {
  test('after the OACK is how firmware asks for a size: a quiet end', () => {
    const scene = new Scene(173_792, { tsize: 0, blksize: 1468, windowsize: 4 })
    expect(scene.sends).toBe('OACK tsize=173792 blksize=1468 windowsize=4')
    expect(scene.at(2).receives(error(8, 'User aborted the transfer'))).toBe('')
    expect(scene.report).toEqual({
      end: { kind: 'declined', reason: 'ERROR 8 from the client: User aborted the transfer' },
      bytes: 0,
      retransmits: 0,
      ms: 2,
    })
  })

  test('amid the file aborts the transfer, and is not answered', () => {
    const scene = new Scene(2000)
    scene.receives(ack(1))
    expect(scene.receives(ack(1), error(3, 'disk\n full'))).toBe('')
    expect(scene.report).toMatchObject({
      end: { kind: 'aborted', reason: 'ERROR 3 from the client: disk? full' },
      bytes: 512,
    })
  })
})

describe('an end from our side', () => {
  test('tells the client, once', () => {
    const scene = new Scene(2000)
    expect(scene.sends).toBe('DATA 1')
    const report = scene.transfer.abort('the server is stopping', scene.transfer.pollAt)
    expect(report.end).toEqual({ kind: 'aborted', reason: 'the server is stopping' })
    expect(scene.sends).toBe('ERROR 0: the server is stopping')
    expect(scene.sends).toBe('')
    expect(scene.transfer.abort('again', scene.transfer.pollAt)).toBe(report)
    expect(scene.sends).toBe('')
  })

  test('says nothing to a client that has started afresh', () => {
    const scene = new Scene(2000)
    scene.transfer.supersede(scene.transfer.pollAt)
    expect(scene.sends).toBe('')
    expect(scene.report?.end).toEqual({ kind: 'aborted', reason: 'the client started afresh' })
  })

  test('says nothing to a client whose place is needed', () => {
    const scene = new Scene(2000)
    scene.transfer.evict(scene.transfer.pollAt)
    expect(scene.sends).toBe('')
    const end = { kind: 'evicted', reason: 'it never answered, and others waited' }
    expect(scene.report).toMatchObject({ end, bytes: 0 })
  })

  test('comes once: nothing moves a transfer that is over', () => {
    const scene = new Scene(100)
    expect(scene.sends).toBe('DATA 1')
    scene.receives(ack(1))
    const { report } = scene
    scene.transfer.supersede(scene.transfer.pollAt)
    scene.transfer.evict(scene.transfer.pollAt)
    expect(scene.receives(ack(1), ack(0), error(0))).toBe('')
    expect(scene.at(100_000).sends).toBe('')
    expect(scene.report).toBe(report)
    expect(report?.end.kind).toBe('completed')
  })
})

test('what no reader says to its transfer changes nothing', () => {
  const scene = new Scene(2000, { tsize: 0 })
  expect(scene.sends).toBe('OACK tsize=2000')
  const data = Buffer.from('x')
  expect(scene.receives(readRequest(), { ...readRequest(), op: 'wrq' })).toBe('')
  expect(scene.receives({ op: 'data', block: 1, data }, { op: 'oack', options: [] })).toBe('')
  expect(scene.receives(ack(1), ack(65535), ack(40_000))).toBe('')
  expect(scene.receives(ack(0))).toBe('DATA 1')
  expect(scene.report).toBeUndefined()
})

describe('unanswered', () => {
  test.each([{}, { tsize: 0 }])('is what was repeated and never acknowledged: %j', (options) => {
    const { length } = Object.keys(options)
    const scene = new Scene(2000, options)
    const { transfer } = scene
    const first = scene.sends
    expect(transfer.isUnanswered).toBe(false)
    scene.sleeps()
    expect(scene.sends).toBe(first)
    expect(transfer.isUnanswered).toBe(true)
    scene.receives(ack(1 - length))
    expect(transfer.isUnanswered).toBe(false)
    scene.sleeps()
    expect(scene.sends).toBe(`DATA ${2 - length}`)
    expect(transfer.isUnanswered).toBe(false)
  })
})

describe('the same client asks again', () => {
  const options = { tsize: 0 }

  test('for the same, before it got anything: a repetition', () => {
    const scene = new Scene(2000, options)
    scene.sleeps()
    expect(scene.sends).toBe('OACK tsize=2000')
    expect(scene.transfer.isSupersededBy(readRequest(options))).toBe(false)
  })

  test('for the same, while it takes the file: a repetition that was late', () => {
    const scene = new Scene(2000, options)
    expect(scene.sends).toBe('OACK tsize=2000')
    scene.receives(ack(0))
    scene.receives(ack(1))
    expect(scene.transfer.isSupersededBy(readRequest(options))).toBe(false)
  })

  test('for the same, after it fell silent amid the file: it was reset', () => {
    const scene = new Scene(2000, options)
    expect(scene.sends).toBe('OACK tsize=2000')
    scene.receives(ack(0))
    scene.receives(ack(1))
    scene.sleeps()
    expect(scene.sends).toBe('DATA 2')
    expect(scene.transfer.isSupersededBy(readRequest(options))).toBe(true)
  })

  test.each([
    ['another file', readRequest(options, 'other')],
    ['no options', readRequest()],
    ['another option', readRequest({ tsize: 1 })],
    ['a write', { ...readRequest(options), op: 'wrq' as const }],
  ])('for %s: afresh', (_what, request) => {
    expect(new Scene(2000, options).transfer.isSupersededBy(request)).toBe(true)
  })
})
