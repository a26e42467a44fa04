import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { formatIpv4, type Ipv4, parseIpv4, unspecified } from '../../../src/values/ipv4.ts'
import { type Mac, macToBytes, parseMac } from '../../../src/values/mac.ts'
import { must } from '../../../src/values/parse.ts'
import {
  type OptionEntry,
  option,
  optionsOf,
  relayAgentOf,
} from '../../../src/wire/dhcp-options.ts'
import { decodeDhcp, type DhcpMessage, encodeDhcp } from '../../../src/wire/dhcp.ts'
import type { Answer, Ask, Storm } from './storm.ts'

/**
 * Many machines behind one relay, as fast as the server answers; run as a process of its own, with a
 * file that holds a Storm as JSON. Says one line for each machine that has its final answer, numbered from 1:
 * `1 ack 52:54:00:00:00:01 198.18.0.10`. Ends when all have one.
 */
const storm = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Storm
const server = storm.server
const relay = must(parseIpv4(storm.relay))
/** RFC 3527: the machines' subnet, in which this relay has no address. */
const circuit = relayAgentOf([5, Uint8Array.from(storm.link.split('.'), Number)])

/** How long a machine waits for an answer before it asks again, and how often that is looked at. */
const patienceMs = 1000
const lookMs = 100
/** As many machines ask at once: more than the server takes into one commit. */
const abreast = 100

interface Machine {
  readonly mac: Mac
  readonly ask: Ask
  readonly xid: number
  /** The server's offer. */
  offer?: { readonly address: Ipv4; readonly server: Ipv4 }
  askedAt: number
}

const socket = createSocket('udp4')
const queue = storm.asks.entries()
const asking = new Map<number, Machine>()
let answered = 0

socket.on('message', (bytes) => {
  const message = decodeDhcp(bytes)
  const machine = asking.get(message.xid)
  if (machine === undefined) return
  const type = option.messageType.read(message.options)
  if (type === 'offer' && machine.ask.kind === 'boot' && machine.offer === undefined) {
    const from = option.serverIdentifier.read(message.options) ?? unspecified
    machine.offer = { address: message.yiaddr, server: from }
    send(machine)
  } else if (type === 'ack' || type === 'nak') {
    end(machine, type, message.yiaddr)
  }
})

socket.bind({ address: storm.relay, port: 67 }, () => {
  for (let count = 0; count < abreast; count += 1) begin()
})

const looking = setInterval(() => {
  const late = performance.now() - patienceMs
  for (const machine of asking.values()) if (machine.askedAt < late) send(machine)
}, lookMs)

function begin(): void {
  const next = queue.next()
  if (next.done === true) {
    if (asking.size > 0) return
    clearInterval(looking)
    socket.close()
    return
  }
  const [index, ask] = next.value
  const machine = { mac: must(parseMac(ask.mac)), ask, xid: index + 1, askedAt: 0 }
  asking.set(machine.xid, machine)
  send(machine)
}

function end({ mac, xid }: Machine, answer: Answer['answer'], address: Ipv4): void {
  asking.delete(xid)
  answered += 1
  process.stdout.write(`${answered} ${answer} ${mac} ${formatIpv4(address)}\n`)
  begin()
}

function send(machine: Machine): void {
  machine.askedAt = performance.now()
  socket.send(encodeDhcp(requestOf(machine)), 67, server)
}

function requestOf({ mac, ask, xid, offer }: Machine): DhcpMessage {
  switch (ask.kind) {
    case 'boot':
      return offer === undefined
        ? message(mac, xid, unspecified, option.messageType.write('discover'))
        : message(
            mac,
            xid,
            unspecified,
            option.messageType.write('request'),
            option.requestedAddress.write(offer.address),
            option.serverIdentifier.write(offer.server),
          )
    case 'init-reboot': {
      const address = must(parseIpv4(ask.address))
      const wants = option.requestedAddress.write(address)
      return message(mac, xid, unspecified, option.messageType.write('request'), wants)
    }
    case 'rebind':
      return message(mac, xid, must(parseIpv4(ask.address)), option.messageType.write('request'))
  }
}

const message = (
  mac: Mac,
  xid: number,
  ciaddr: Ipv4,
  ...options: readonly OptionEntry[]
): DhcpMessage => ({
  op: 'request',
  htype: 1,
  hops: 1,
  xid,
  secs: 0,
  broadcast: false,
  flags: 0,
  ciaddr,
  yiaddr: unspecified,
  siaddr: unspecified,
  giaddr: relay,
  chaddr: macToBytes(mac),
  sname: '',
  file: '',
  options: optionsOf(...options, option.relayAgent.write(circuit)),
})
