import { expect, test } from 'vitest'
import type { TftpPeer } from '../../src/serve/tftp-event.ts'
import { TransferPlaces } from '../../src/serve/tftp-places.ts'
import { ip } from '../support/inventory.ts'

class Occupant {
  isUnanswered = false
  isEvicted = false

  evict(): void {
    this.isEvicted = true
  }
}

const [one, two] = [ip('192.0.2.1'), ip('192.0.2.2')]
const peer = (address: typeof one, port: number): TftpPeer => ({ address, port })

/** Places, each taken by the address named. */
function places(most: number, mostPerAddress: number, ...taken: (typeof one)[]) {
  const found = new TransferPlaces<Occupant>(most, mostPerAddress)
  const occupants = taken.map((address, index) => {
    const occupant = new Occupant()
    found.take(peer(address, 1000 + index), occupant)
    return occupant
  })
  return { found, occupants }
}

test('room is made for nobody while all places are in use', () => {
  const { found, occupants } = places(3, 2, one, one, two)
  expect([found.makeRoom(one), found.makeRoom(two)]).toEqual([false, false])
  expect(occupants.some(({ isEvicted }) => isEvicted)).toBe(false)
  expect(found.taken).toBe(3)
})

test('an address has its share, whatever is free', () => {
  const { found } = places(100, 2, one, one)
  expect([found.makeRoom(one), found.makeRoom(two)]).toEqual([false, true])
})

test('an address that has its share loses its own oldest that nobody answers', () => {
  const { found, occupants } = places(100, 3, two, one, one, one)
  for (const [index, occupant] of occupants.entries()) occupant.isUnanswered = index !== 1
  expect(found.makeRoom(one)).toBe(true)
  expect(occupants.map(({ isEvicted }) => isEvicted)).toEqual([false, false, true, false])
  expect(found.tasks()).toEqual([occupants[0], occupants[1], occupants[3]])
})

test('when all is full, the oldest of all that nobody answers goes', () => {
  const { found, occupants } = places(4, 3, two, one, one, one)
  for (const [index, occupant] of occupants.entries()) occupant.isUnanswered = index > 1
  expect(found.makeRoom(two)).toBe(true)
  expect(occupants.map(({ isEvicted }) => isEvicted)).toEqual([false, false, true, false])
  expect(found.taken).toBe(3)
})

test('a place that was taken again is not released by who had it before', () => {
  const { found, occupants } = places(4, 4, one)
  const [old] = occupants
  const where = peer(one, 1000)
  found.release(where, old!)
  const fresh = new Occupant()
  found.take(where, fresh)
  found.release(where, old!)
  expect(found.at(where)).toBe(fresh)
})
