import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { udpSocketOn } from './libc.ts'
import type { Segment } from './segments.ts'

/**
 * A UDP socket that hears one interface only, its broadcasts included, and whose broadcasts leave by
 * that interface with its address. Node can neither bind to a device nor tell where a datagram came
 * in, so the socket is made by libc and handed over.
 * @throws Error in words that say what to do
 */
export async function openDhcpSocket(segment: Segment, port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  const listening = once(socket, 'listening') // a socket that is handed over listens at once
  try {
    if (segment.interface === 'lo') socket.bind({ address: segment.address, port })
    else socket.bind({ fd: udpSocketOn(segment.interface, port) })
    await listening
  } catch (error) {
    throw inWords(error, segment.interface, port)
  }
  return socket
}

function inWords(error: unknown, device: string, port: number): Error {
  const code = (error as { code?: string }).code ?? String(error)
  const where = `DHCP on ${device}, port ${port}`
  switch (code) {
    case 'EADDRINUSE':
      return new Error(`${where}: the port is taken; is another DHCP server running on this host?`)
    case 'EACCES':
    case 'EPERM':
      return new Error(
        `${where}: not permitted; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE, ` +
          'binding to an interface CAP_NET_RAW',
      )
    case 'ENODEV':
      return new Error(`${where}: there is no such interface`)
    default:
      return new Error(`${where}: ${code}`)
  }
}
