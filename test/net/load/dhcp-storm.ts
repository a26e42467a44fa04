import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { formatIpv4, type Ipv4, parseIpv4, unspecified } from '../../../src/values/ipv4.ts'
import { type Mac, macFromBytes, macToBytes, parseMac } from '../../../src/values/mac.ts'
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
 * Many machines behind one relay, as fast as the server answers. A program of its own: its argument
 * is a file with a Storm as JSON; it says one line for each machine that has its final answer, numbered
 * from 1, as in `1 ack 52:54:00:00:00:01 198.18.0.10`, and ends when all have one.
 */
const storm = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Storm
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
  if (machine?.mac !== macFromBytes(message.chaddr)) return // of an earlier storm
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
  socket.send(encodeDhcp(requestOf(machine)), 67, storm.server)
}

const requestOf = (machine: Machine): DhcpMessage => ({
  op: 'request',
  htype: 1,
  hops: 1,
  xid: machine.xid,
  secs: 0,
  broadcast: false,
  flags: 0,
  ciaddr: machine.ask.kind === 'rebind' ? must(parseIpv4(machine.ask.address)) : unspecified,
  yiaddr: unspecified,
  siaddr: unspecified,
  giaddr: relay,
  chaddr: macToBytes(machine.mac),
  sname: '',
  file: '',
  options: optionsOf(...wishOf(machine), option.relayAgent.write(circuit)),
})

/** RFC 2131 4.3.2: which of the options 50 and 54 is there tells a REQUEST's state. */
function wishOf({ ask, offer }: Machine): readonly OptionEntry[] {
  const { messageType, requestedAddress, serverIdentifier } = option
  switch (ask.kind) {
    case 'boot':
      if (offer === undefined) return [messageType.write('discover')]
      return [
        messageType.write('request'),
        requestedAddress.write(offer.address),
        serverIdentifier.write(offer.server),
      ]
    case 'init-reboot':
      return [messageType.write('request'), requestedAddress.write(must(parseIpv4(ask.address)))]
    case 'rebind':
      return [messageType.write('request')]
  }
}
