import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { formatIpv4, parseIpv4 } from '../values/ipv4.ts'
import { must } from '../values/parse.ts'
import { decodeTftp, encodeTftpParts, TftpDecodeError, type TftpMessage } from '../wire/tftp.ts'
import type { TftpPeer } from './tftp-event.ts'

/**
 * @param port 0 for a free one, which is then a transfer identifier (RFC 1350 section 4)
 * @throws the system's error (EADDRINUSE, EACCES, EMFILE, …)
 */
export async function openSocket(address: string, port: number): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    // Peers are addresses, never names. An answer at once also sends a packet before a close() after it.
    lookup: (host, _options, done) => done(null, host, 4),
  })
  const bound = Promise.withResolvers<void>()
  // Rejecting again later does nothing: once bound, an error (no memory, …) is a packet lost.
  socket.on('error', bound.reject)
  socket.bind({ address, port }, bound.resolve)
  try {
    await bound.promise
  } catch (error) {
    socket.close()
    throw error
  }
  return socket
}

/**
 * What cannot be sent is lost like any packet, and repeated like one. Some of it Node reports (no
 * buffer, no route, a firewall), some it throws for at once (a port or a socket that it won't use).
 */
export function send(
  socket: Socket,
  message: TftpMessage,
  to: TftpPeer,
  onLost: () => void = () => undefined,
): void {
  const parts = encodeTftpParts(message)
  try {
    socket.send(parts, to.port, formatIpv4(to.address), (error) => {
      if (error) onLost()
    })
  } catch {
    onLost()
  }
}

/** @returns undefined for port 0, from which RFC 768 lets a packet come and to which none can be sent */
export const senderOf = ({ address, port }: RemoteInfo): TftpPeer | undefined =>
  port === 0 ? undefined : { address: must(parseIpv4(address)), port }

/** The one place where a packet that cannot be read becomes nothing. */
export function readMessage(bytes: Uint8Array): TftpMessage | undefined {
  try {
    return decodeTftp(bytes)
  } catch (error) {
    if (error instanceof TftpDecodeError) return undefined
    throw error
  }
}
