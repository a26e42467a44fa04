import { describe, expect, test } from 'vitest'
import { TftpReceiver } from '../../src/simulator/tftp.ts'
import { ack, fileOf, Scene } from './tftp-scene.ts'

/** A transfer of blocks of 8 octets whose first window is out. */
function windowed(blocks: number, windowsize: number): Scene {
  const scene = new Scene(blocks * 8 - 1, { blksize: 8, windowsize })
  expect(scene.sends).toBe(`OACK blksize=8 windowsize=${windowsize}`)
  expect(scene.receives(ack(0))).toMatch(/^DATA 1 /)
  return scene
}

describe('loss within a window (RFC 7440 section 4)', () => {
  test('in the middle: the ACK of the block before it begins a new window', () => {
    const scene = windowed(12, 4)
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    // 6 is lost. EDK2 acknowledges 5 when 7 comes, and again when 8 comes.
    expect(scene.receives(ack(5))).toBe('DATA 6 7 8 9')
    expect(scene.receives(ack(5))).toBe('')
    expect(scene.receives(ack(9))).toBe('DATA 10 11 12')
    scene.receives(ack(12))
    expect(scene.report).toMatchObject({ end: { kind: 'completed' }, bytes: 95, retransmits: 3 })
  })

  test('at the front: the repeated ACK of the window before it, heeded once', () => {
    const scene = windowed(12, 4)
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    expect(scene.receives(ack(4), ack(4), ack(4))).toBe('DATA 5 6 7 8')
    expect(scene.receives(ack(4))).toBe('')
    expect(scene.receives(ack(8))).toBe('DATA 9 10 11 12')
  })

  test('at the end: the timer', () => {
    const scene = windowed(12, 4)
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    expect(scene.sleeps()).toBe(1000)
    expect(scene.sends).toBe('DATA 5 6 7 8')
  })

  test('again in what was sent again: further on by an ACK, at the same block by the timer', () => {
    const scene = windowed(12, 4)
    expect(scene.receives(ack(1))).toBe('DATA 2 3 4 5')
    expect(scene.receives(ack(1))).toBe('')
    expect(scene.receives(ack(3))).toBe('DATA 6 7') // what it has not sent yet
    expect(scene.receives(ack(5))).toBe('DATA 6 7 8 9')
    expect(scene.receives(ack(5))).toBe('')
    scene.sleeps()
    expect(scene.sends).toBe('DATA 6 7 8 9')
  })

  test('found to be none before anything went out again', () => {
    const scene = windowed(12, 4)
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    expect(scene.receives(ack(5), ack(8))).toBe('DATA 9 10 11 12')
  })

  test('of the first block: only the timer, since ACK 0 may be a copy of the one for the OACK', () => {
    const scene = windowed(12, 4)
    expect(scene.receives(ack(0), ack(0))).toBe('')
    scene.sleeps()
    expect(scene.sends).toBe('DATA 1 2 3 4')
  })
})

describe("no Sorcerer's Apprentice with windows", () => {
  test('echoes of a window that was sent twice start nothing', () => {
    const scene = windowed(16, 4)
    scene.sleeps()
    expect(scene.sends).toBe('DATA 1 2 3 4') // too early: the client had them all
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    expect(scene.receives(ack(4), ack(4), ack(4), ack(4))).toBe('')
    expect(scene.receives(ack(8))).toBe('DATA 9 10 11 12')
    expect(scene.receives(ack(12))).toBe('DATA 13 14 15 16')
    expect(scene.report).toBeUndefined()
  })

  test('blocks out of order cost one window, not one per window', () => {
    const scene = windowed(20, 4)
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    // They come as 5 7 6 8: EDK2 drops 7 and 8, and says so each time.
    expect(scene.receives(ack(5))).toBe('DATA 6 7 8 9')
    expect(scene.receives(ack(6))).toBe('DATA 10')
    expect(scene.receives(ack(6))).toBe('')
    expect(scene.receives(ack(10))).toBe('DATA 11 12 13 14')
    expect(scene.receives(ack(14))).toBe('DATA 15 16 17 18')
  })

  test('ACKs of blocks that were never sent, or long ago, are nobody', () => {
    const scene = windowed(16, 4)
    expect(scene.receives(ack(5), ack(65535))).toBe('')
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
    expect(scene.receives(ack(3), ack(9), ack(0))).toBe('')
  })
})

describe('block numbers roll over from 65535 to 0', () => {
  const blocks = 65535 + 10

  test.each([1, 3, 64, 65535])('a file of 65,545 blocks of 8 octets, window %i', (windowsize) => {
    const scene = new Scene(blocks * 8 - 3, { blksize: 8, windowsize })
    const receiver = new TftpReceiver()
    for (let message = scene.dispatch(); message !== undefined; message = scene.dispatch()) {
      const reply = receiver.process(message)
      if (reply !== undefined) scene.transfer.process(reply, scene.transfer.pollAt)
    }
    expect(scene.report).toMatchObject({
      end: { kind: 'completed' },
      bytes: blocks * 8 - 3,
      retransmits: 0,
    })
    expect(Buffer.concat(receiver.blocks).equals(fileOf(blocks * 8 - 3))).toBe(true)
  })

  /** Acknowledges whole windows up to and with this block. */
  const upTo = (scene: Scene, block: number, windowsize: number): void => {
    for (let at = windowsize; at <= block; at += windowsize) scene.receives(ack(at & 0xffff))
  }

  test('loss at the turn', () => {
    const scene = windowed(blocks, 4)
    upTo(scene, 65528, 4)
    expect(scene.receives(ack(65532))).toBe('DATA 65533 65534 65535 0')
    expect(scene.receives(ack(65534))).toBe('DATA 65535 0 1 2')
    expect(scene.receives(ack(65534), ack(65533), ack(3))).toBe('')
    expect(scene.receives(ack(2))).toBe('DATA 3 4 5 6')
    scene.sleeps()
    expect(scene.sends).toBe('DATA 3 4 5 6')
  })

  test('an ACK 0 after the turn is for block 65536, not for the OACK', () => {
    const scene = windowed(blocks, 4)
    upTo(scene, 65532, 4)
    expect(scene.receives(ack(0))).toBe('DATA 1 2 3 4')
    expect(scene.receives(ack(4))).toBe('DATA 5 6 7 8')
  })
})
