import { formatIpv4, type Ipv4, parseIpv4, unspecified } from '../values/ipv4.ts'
import { must } from '../values/parse.ts'
import { decodeDhcp, type DhcpMessage, encodeDhcp } from '../wire/dhcp.ts'
import { option, relayAgentOf } from '../wire/dhcp-options.ts'
import { boundSocket, type DhcpLink, type Endpoint } from './link.ts'

/** A rack's switch that relays DHCP (RFC 1542 4, RFC 3046). */
export interface Relay {
  /** A cable into the next free port of the switch. */
  plugIn(): Promise<DhcpLink>
  close(): void
}

/** RFC 1542 4.1.1. */
const mostHops = 16

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
    const reply = decodeDhcp(bytes)
    const agent = option.relayAgent.read(reply.options)
    // Nothing but the echoed option tells which port: a server that loses it loses its answers.
    const port = agent?.circuitId && Buffer.from(agent.circuitId).toString('latin1')
    if (reply.op !== 'reply' || port === undefined) return
    ports.get(port)?.(encodeDhcp(withoutAgent(reply)))
  })

  return {
    async plugIn() {
      const port = `${formatIpv4(address)} port ${next}`
      next += 1
      return {
        send(packet) {
          const request = forwarded(decodeDhcp(packet), address, port)
          if (request === undefined) return
          uplink.send(encodeDhcp(request), server.port, server.address)
        },
        onPacket: (listener) => ports.set(port, listener),
        close: () => ports.delete(port),
      }
    },
    close: () => uplink.close(),
  }
}

/** RFC 1542 4.1.1, RFC 3046 2.1. */
export function forwarded(request: DhcpMessage, giaddr: Ipv4, port: string) {
  if (request.op !== 'request' || request.hops >= mostHops) return undefined
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
