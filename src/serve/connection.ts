import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { parseIpv4, type Ipv4 } from '../values/ipv4.ts'

/** Who is at the other end of the socket, and how it reached us. */
interface Connection {
  readonly peer: Ipv4 | undefined
  /** `http://address:port` as the peer dialled it; no slash at the end. */
  readonly base: string
}

export type ConnectionOf = (c: Context) => Connection

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
