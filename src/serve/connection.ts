import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { askerOf } from '../core/forwarded.ts'
import { parseIpv4, type Ipv4, type Ipv4Network } from '../values/ipv4.ts'

/** Who is at the other end of the socket, and how it reached us. */
interface Connection {
  readonly peer: Ipv4 | undefined
  /** `http://address:port` as the peer dialled it; no slash at the end. */
  readonly base: string
}

export type ConnectionOf = (c: Context) => Connection

/** What becomes of one answer on its way out. */
export interface Exchange {
  /** False once the connection is known to be gone. */
  readonly isOpen: () => boolean
  /** Calls once: true when the whole answer was handed to the network, false when it broke off. */
  readonly onEnd: (ended: (whole: boolean) => void) => void
}

export type ExchangeOf = (c: Context) => Exchange

export const socketExchange: ExchangeOf = (c) => {
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  // A request without a socket, as tests make them, can't break.
  if (outgoing === undefined) return { isOpen: () => true, onEnd: (ended) => ended(true) }
  return {
    isOpen: () => !outgoing.destroyed && outgoing.socket?.destroyed === false,
    onEnd: (ended) => {
      // 'close' may have come while the claim was on its way to the disk.
      if (outgoing.closed || outgoing.socket === null) ended(outgoing.writableFinished)
      else outgoing.once('close', () => ended(outgoing.writableFinished))
    },
  }
}

/** The socket's peer, or whom our own proxies vouch for. */
export const proxiedConnection =
  (proxies: readonly Ipv4Network[]): ConnectionOf =>
  (c) => {
    const { peer, base } = socketConnection(c)
    return { peer: askerOf(peer, c.req.header('X-Forwarded-For'), proxies), base }
  }

/**
 * From the socket and from nothing that the peer says: anybody can send X-Forwarded-For, and UEFI
 * firmware sends a Host without its port.
 */
export const socketConnection: ConnectionOf = (c) => {
  const { incoming } = c.env as HttpBindings
  const { remoteAddress = '', localAddress = '', localPort = 80 } = incoming.socket
  const peer = parseIpv4(unmapped(remoteAddress))
  const local = unmapped(localAddress)
  const host = local.includes(':') ? `[${local}]` : local
  return { peer: peer.ok ? peer.value : undefined, base: `http://${host}:${localPort}` }
}

/** A socket on `::` shows IPv4 peers as `::ffff:192.0.2.1` (RFC 4291 2.5.5.2). */
const unmapped = (address: string): string => address.replace(/^::ffff:(?=[\d.]+$)/i, '')
