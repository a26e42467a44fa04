import type { Nic } from '../../src/simulator/dhcp-clients.ts'
import type { Site } from '../../src/simulator/link.ts'
import { unspecified } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { parseSmbiosUuid } from '../../src/values/uuid.ts'
import { decodeDhcp, type DhcpMessage, encodeDhcp } from '../../src/wire/dhcp.ts'
import { option, type OptionEntry, optionsOf } from '../../src/wire/dhcp-options.ts'
import { ip, mac } from '../support/inventory.ts'

export const nic: Nic = {
  mac: mac('52:54:00:00:00:01'),
  uuid: must(parseSmbiosUuid('4c4c4544-0042-3510-8056-b4c04f4e3133')),
  duid: Uint8Array.of(255, 1),
}
export const server = ip('192.0.2.1')
export const address = ip('192.0.2.100')

export type Answers = (request: DhcpMessage) => readonly (DhcpMessage | Uint8Array)[]

/** A server at the other end of the cable. Time passes at once, and is written down. */
export function site(answers: Answers) {
  const requests: DhcpMessage[] = []
  const waited: number[] = []
  let answered = false
  const here: Site = {
    async plugIn() {
      let listener: (packet: Uint8Array) => void = () => {}
      return {
        send(packet) {
          const request = decodeDhcp(packet)
          requests.push(request)
          const replies = answers(request)
          answered = replies.length > 0
          for (const reply of replies) {
            listener(reply instanceof Uint8Array ? reply : encodeDhcp(reply))
          }
        },
        onPacket: (next) => (listener = next),
        close: () => (listener = () => {}),
      }
    },
    tftpPort: 69,
    random: (octets) => new Uint8Array(octets).fill(7),
    async sleep(ms, signal) {
      if (answered) await new Promise((resolve) => setImmediate(resolve))
      signal.throwIfAborted()
      waited.push(ms / 1000)
    },
  }
  return { here, requests, waited }
}

export const reply = (
  request: DhcpMessage,
  type: 'offer' | 'ack' | 'nak',
  ...options: readonly OptionEntry[]
): DhcpMessage => ({
  ...request,
  op: 'reply',
  yiaddr: type === 'nak' ? unspecified : address,
  options: optionsOf(
    option.messageType.write(type),
    option.serverIdentifier.write(server),
    ...options,
  ),
})

export const isDiscover = ({ options }: DhcpMessage): boolean =>
  option.messageType.read(options) === 'discover'

export const willing: Answers = (request) => [reply(request, isDiscover(request) ? 'offer' : 'ack')]
