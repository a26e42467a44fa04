import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** The cable of a NIC, as far as DHCP needs it. */
export interface DhcpLink {
  send(packet: Uint8Array): void
  /** From now on; one listener at a time. */
  onPacket(listener: (packet: Uint8Array) => void): void
  close(): void
}

/** Where a simulated machine stands, and all that it cannot make itself. */
export interface Site {
  readonly plugIn: () => Promise<DhcpLink>
  /** 69, or a high port. */
  readonly tftpPort: number
  readonly random: (octets: number) => Uint8Array
  /** Ends early, and rejects, when the machine is powered off. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

export interface Endpoint {
  readonly address: string
  readonly port: number
}

/**
 * A link whose packets go straight to a server or a relay and whose answers come back to where they
 * were sent from: for loopback, which has no broadcast and no MACs.
 * @param from its address; loopback's whole 127.0.0.0/8 can be bound on Linux
 */
export async function udpLink(from: string, to: Endpoint): Promise<DhcpLink> {
  const socket = await boundSocket({ address: from, port: 0 })
  return {
    send: (packet) => socket.send(packet, to.port, to.address),
    onPacket: (listener) => socket.removeAllListeners('message').on('message', listener),
    close: () => socket.close(),
  }
}

/** @throws the system's error, when the address cannot be bound */
export async function boundSocket(at: Endpoint): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind({ ...at, exclusive: true })
  await once(socket, 'listening')
  // An answer may come to a client that has gone (ICMP "port unreachable"): that is no fault of ours.
  socket.on('error', () => {})
  return socket
}
