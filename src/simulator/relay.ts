import { formatIpv4, type Ipv4, parseIpv4, unspecified } from '../values/ipv4.ts'
import { must } from '../values/parse.ts'
import { type DhcpMessage, encodeDhcp } from '../wire/dhcp.ts'
import { option, relayAgentOf } from '../wire/dhcp-options.ts'
import { decodedDhcp } from './dhcp.ts'
import { boundSocket, type DhcpLink, type Endpoint } from './link.ts'

/** A rack's switch that relays DHCP (RFC 1542 4, RFC 3046). */
export interface Relay {
  /** A cable into the next free port of the switch. */
  plugIn(): Promise<DhcpLink>
  close(): void
}

/** RFC 1542 4.1.1. */
const mostHops = 16
const ethernetPayload = 1472

/**
 * @param giaddr the switch's address in the rack's subnet, which says where the machines are
 * @param server answers come to giaddr at the server's own port, so that port is bound there
 */
export async function openRelay(giaddr: string, server: Endpoint): Promise<Relay> {
  const address = must(parseIpv4(giaddr))
  const uplink = await boundSocket({ address: giaddr, port: server.port })
  const ports = new Map<string, (packet: Uint8Array) => void>()
  let next = 1

  uplink.on('message', (bytes) => {
    const reply = decodedDhcp(bytes)
    if (reply?.op !== 'reply') return
    // Nothing but the echoed option tells which port: a server that loses it loses its answers.
    const circuit = option.relayAgent.read(reply.options)?.circuitId ?? new Uint8Array()
    const port = Buffer.from(circuit).toString('latin1')
    ports.get(port)?.(encodeDhcp(withoutAgent(reply), { maxSize: ethernetPayload }))
  })

  return {
    async plugIn() {
      const port = `${formatIpv4(address)} port ${next}`
      next += 1
      return {
        send(packet) {
          const request = decodedDhcp(packet)
          if (request?.op !== 'request' || request.hops >= mostHops) return
          const bytes = encodeDhcp(withAgent(request, address, port), { maxSize: ethernetPayload })
          uplink.send(bytes, server.port, server.address)
        },
        onPacket: (listener) => ports.set(port, listener),
        close: () => ports.delete(port),
      }
    },
    close: () => uplink.close(),
  }
}

/** RFC 1542 4.1.1: the first relay's address stays. RFC 3046 2.1.1: the option goes last. */
function withAgent(request: DhcpMessage, giaddr: Ipv4, port: string): DhcpMessage {
  const circuit = [1, Buffer.from(port, 'latin1')] as const
  return {
    ...request,
    hops: request.hops + 1,
    giaddr: request.giaddr === unspecified ? giaddr : request.giaddr,
    options: new Map([...request.options, option.relayAgent.write(relayAgentOf(circuit))]),
  }
}

/** RFC 3046 2.1: the option stays between relay and server. */
function withoutAgent(reply: DhcpMessage): DhcpMessage {
  const options = new Map(reply.options)
  options.delete(option.relayAgent.code)
  return { ...reply, options }
}
