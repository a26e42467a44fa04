import type { Ipv4 } from '../values/ipv4.ts'
import type { TftpPeer } from './tftp-event.ts'
import type { TransferTask } from './tftp-transfer.ts'

/** What has a place: a transfer, as far as its place is concerned. */
type Occupant = Pick<TransferTask, 'isUnanswered' | 'evict'>

interface Place<T> {
  readonly peer: TftpPeer
  readonly task: T
}

/**
 * The transfers under way, one for each client port. Their number is bounded, and so is each address's
 * share of it: one host, or one that forges addresses, must not keep the others from booting.
 */
export class TransferPlaces<T extends Occupant> {
  readonly #most: number
  readonly #mostPerAddress: number
  /** In the order of their beginnings. */
  readonly #places = new Map<string, Place<T>>()

  constructor(most: number, mostPerAddress: number) {
    this.#most = most
    this.#mostPerAddress = mostPerAddress
  }

  get taken(): number {
    return this.#places.size
  }

  tasks(): T[] {
    return Array.from(this.#places.values(), ({ task }) => task)
  }

  at(peer: TftpPeer): T | undefined {
    return this.#places.get(keyOf(peer))?.task
  }

  /**
   * Sees to it that this address can have one more, if need be by taking the place of the oldest
   * transfer that its client has left unanswered.
   * @returns false when none of those in the way is such a one
   */
  makeRoom(address: Ipv4): boolean {
    const all = Array.from(this.#places.values())
    const own = all.filter(({ peer }) => peer.address === address)
    if (own.length >= this.#mostPerAddress) return this.#evictOneOf(own)
    return all.length < this.#most || this.#evictOneOf(all)
  }

  take(peer: TftpPeer, task: T): void {
    this.#places.set(keyOf(peer), { peer, task })
  }

  /** Does nothing if the place has gone to another by now. */
  release(peer: TftpPeer, task: T): void {
    if (this.at(peer) === task) this.#places.delete(keyOf(peer))
  }

  #evictOneOf(places: readonly Place<T>[]): boolean {
    const idle = places.find(({ task }) => task.isUnanswered)
    if (idle === undefined) return false
    this.release(idle.peer, idle.task)
    idle.task.evict()
    return true
  }
}

const keyOf = ({ address, port }: TftpPeer): string => `${address}:${port}`
