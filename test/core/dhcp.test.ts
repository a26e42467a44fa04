import { describe, expect, test } from 'vitest'
import type { Machine } from '../../src/core/machine.ts'
import type { Subnet } from '../../src/core/subnet.ts'
import { decideDhcp } from '../../src/core/dhcp.ts'
import type { DhcpDecision } from '../../src/core/dhcp-outcome.ts'
import { MemoryFacts } from '../../src/store/memory-facts.ts'
import type { BootId } from '../../src/values/ids.ts'
import { formatIpv4, unspecified, type Ipv4 } from '../../src/values/ipv4.ts'
import { macToBytes, type Mac } from '../../src/values/mac.ts'
import { epochMs, type EpochMs } from '../../src/values/time.ts'
import { option, optionsOf, relayAgentOf, type OptionEntry } from '../../src/wire/dhcp-options.ts'
import type { DhcpMessage, DhcpMessageType } from '../../src/wire/dhcp.ts'
import { ip, mac, machine, macNumber, subnet } from '../support/inventory.ts'

const server = ip('192.0.2.1')

/** A server with one segment, a clock to turn, and clients that say what they like. */
class Bench {
  readonly facts = new MemoryFacts(new Set([server]))
  now: EpochMs = epochMs(1_000_000)
  #boots = 0

  constructor({ subnets = [subnet()], machines = [] as readonly Machine[] } = {}) {
    for (const one of subnets as readonly Subnet[])
      this.facts.apply({ kind: 'subnet.put', subnet: one })
    for (const one of machines) this.facts.apply({ kind: 'machine.put', machine: one })
  }

  later(seconds: number): void {
    this.now = epochMs(this.now + seconds * 1000)
  }

  send(
    client: Mac,
    type: DhcpMessageType,
    options: readonly OptionEntry[] = [],
    header: Partial<DhcpMessage> = {},
  ): DhcpDecision {
    const message: DhcpMessage = {
      op: 'request',
      htype: 1,
      hops: 0,
      xid: 0x1234,
      secs: 0,
      broadcast: false,
      flags: 0,
      ciaddr: unspecified,
      yiaddr: unspecified,
      siaddr: unspecified,
      giaddr: unspecified,
      chaddr: macToBytes(client),
      sname: '',
      file: '',
      options: optionsOf(option.messageType.write(type), ...options),
      ...header,
    }
    const context = {
      server,
      httpUrl: 'http://192.0.2.1:8080',
      bootFiles: {
        fileFor: (arch: number, via: 'tftp' | 'http') =>
          ({ 0: 'undionly.kpxe', 7: 'snponly.efi', 9: 'snponly.efi', 16: 'ipxe.efi' })[arch] &&
          (via === 'http' ? 'ipxe.efi' : arch === 0 ? 'undionly.kpxe' : 'snponly.efi'),
      },
      freshBoot: `boot-${String(++this.#boots).padStart(4, '0')}` as BootId,
    }
    const decision = decideDhcp(message, context, this.facts, this.now)
    for (const change of decision.changes) this.facts.apply(change)
    return decision
  }

  discover(client: Mac, options: readonly OptionEntry[] = [], header = {}): string {
    return told(this.send(client, 'discover', options, header))
  }

  /** REQUEST in the SELECTING state. */
  select(client: Mac, address: Ipv4, options: readonly OptionEntry[] = [], header = {}): string {
    const chosen = [option.serverIdentifier.write(server), option.requestedAddress.write(address)]
    return told(this.send(client, 'request', [...chosen, ...options], header))
  }

  /** The whole exchange. @returns the address */
  boot(client: Mac, options: readonly OptionEntry[] = []): string {
    const offered = this.discover(client, options).replace('offer ', '')
    expect(this.select(client, ip(offered), options)).toBe(`ack ${offered}`)
    return offered
  }
}

/** What the client is told, in a word and an address. */
function told(decision: DhcpDecision): string {
  if (decision.kind === 'silence') return `silence: ${decision.reason}`
  if (decision.type === 'nak') return 'nak'
  return `${decision.type} ${formatIpv4(decision.reply.yiaddr)}`
}

const pxe = (arch: number): readonly OptionEntry[] => [
  option.vendorClass.write(`PXEClient:Arch:${String(arch).padStart(5, '0')}:UNDI:003000`),
  option.clientArchitecture.write([arch]),
]
const ipxe = [...pxe(7), option.userClass.write(['iPXE'])]

const a = macNumber(1)
const b = macNumber(2)

describe('DISCOVER', () => {
  test('a reserved machine is offered its reservation, an unreserved one a pool address', () => {
    const bench = new Bench({ machines: [machine('r1', { macs: [a], address: ip('192.0.2.10') })] })
    expect(bench.discover(a)).toBe('offer 192.0.2.10')
    expect(bench.discover(b)).toBe('offer 192.0.2.100')
  })

  test('two machines are never offered one address, also before either takes it', () => {
    const bench = new Bench()
    const offers = [1, 2, 3, 4].map((n) => bench.discover(macNumber(n)))
    expect(new Set(offers).size).toBe(4)
    expect(bench.discover(macNumber(5))).toBe('silence: no-address')
  })

  test('an offer that nobody takes is free again after a minute', () => {
    const bench = new Bench()
    for (const n of [1, 2, 3, 4]) bench.discover(macNumber(n))
    bench.later(61)
    expect(bench.discover(macNumber(5))).toBe('offer 192.0.2.100')
  })

  test('asked again, the same address is offered: firmware, iPXE and Linux keep one address', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    const first = bench.boot(a, pxe(7))
    expect(bench.boot(a, [...ipxe, option.clientIdentifier.write(Uint8Array.of(1, 2, 3))])).toBe(
      first,
    )
    expect(bench.boot(a, [option.clientIdentifier.write(Uint8Array.of(255, 9, 9))])).toBe(first)
  })

  test('an offer to a NIC that holds a lease does not shorten it', () => {
    const bench = new Bench()
    bench.boot(a)
    bench.discover(a)
    bench.later(1800)
    expect(bench.facts.leaseByAddress(ip('192.0.2.100'))).toMatchObject({ state: 'bound', mac: a })
    for (const n of [2, 3, 4]) bench.boot(macNumber(n))
    expect(bench.discover(macNumber(5))).toBe('silence: no-address')
  })

  test('the address that a client remembers is kept for it if it is free', () => {
    const bench = new Bench()
    const remembered = option.requestedAddress.write(ip('192.0.2.102'))
    expect(bench.discover(a, [remembered])).toBe('offer 192.0.2.102')
    expect(bench.discover(b, [remembered])).toBe('offer 192.0.2.100')
  })

  test('a reservation inside the pool goes to nobody else', () => {
    const bench = new Bench({
      machines: [machine('r1', { macs: [a], address: ip('192.0.2.101') })],
    })
    const others = [2, 3, 4, 5].map((n) => bench.discover(macNumber(n)))
    expect(others).toEqual([
      'offer 192.0.2.100',
      'offer 192.0.2.102',
      'offer 192.0.2.103',
      'silence: no-address',
    ])
    expect(bench.discover(a)).toBe('offer 192.0.2.101')
  })

  test('the lease that ended first is reclaimed first, and never a running one', () => {
    const bench = new Bench()
    for (const n of [1, 2, 3, 4]) {
      bench.boot(macNumber(n))
      bench.later(10)
    }
    bench.later(3600 - 40) // the first lease is over by now, the second runs for ten seconds more
    expect(bench.discover(macNumber(5))).toBe('offer 192.0.2.100')
    expect(bench.discover(macNumber(6))).toBe('silence: no-address')
  })

  test("the server's own address goes to nobody, whatever the pool, a lease or a client says", () => {
    const bench = new Bench({ subnets: [subnet({ pool: '192.0.2.1-192.0.2.2' })] })
    expect(bench.discover(a, [option.requestedAddress.write(server)])).toBe('offer 192.0.2.2')
    expect(bench.discover(b)).toBe('silence: no-address')
    expect(bench.select(b, server)).toBe('nak')
  })

  test('nothing is answered where no subnet is configured', () => {
    expect(new Bench({ subnets: [] }).discover(a)).toBe('silence: no-subnet')
  })

  test('a subnet may ignore machines that the inventory does not know', () => {
    const bench = new Bench({
      subnets: [subnet({ unregistered: 'ignore' })],
      machines: [machine('r1', { macs: [a] })],
    })
    expect(bench.discover(a)).toBe('offer 192.0.2.100')
    const ignored = bench.send(b, 'discover')
    expect(ignored).toMatchObject({ kind: 'silence', reason: 'unregistered', changes: [] })
    expect(ignored.stranger).toMatchObject({ client: { mac: b } })
  })

  test('a second NIC of a running machine gets an address of its own', () => {
    const bench = new Bench({
      machines: [machine('r1', { macs: [a, b], address: ip('192.0.2.10') })],
    })
    bench.boot(a)
    expect(bench.discover(b)).toBe('offer 192.0.2.100')
  })

  test('a machine that netboots from its other NIC has its reservation there', () => {
    const bench = new Bench({
      machines: [machine('r1', { macs: [a, b], address: ip('192.0.2.10') })],
    })
    bench.boot(a)
    expect(bench.boot(b, pxe(7))).toBe('192.0.2.10')
    expect(bench.facts.lease(subnet().name, a)).toBeUndefined()
  })
})

test('an offer takes nothing from the other NIC: the reservation passes over at the REQUEST', () => {
  const bench = new Bench({
    machines: [machine('r1', { macs: [a, b], address: ip('192.0.2.10') })],
  })
  bench.boot(a)
  expect(bench.discover(b, pxe(7))).toBe('offer 192.0.2.10')
  const renewed = bench.send(a, 'request', [], { ciaddr: ip('192.0.2.10') })
  expect(told(renewed)).toBe('ack 192.0.2.10')
  expect(bench.select(b, ip('192.0.2.10'), pxe(7))).toBe('ack 192.0.2.10')
  expect(bench.facts.leaseByAddress(ip('192.0.2.10'))).toMatchObject({ mac: b })
})

describe('REQUEST', () => {
  test('SELECTING: the offer is acknowledged with its times', () => {
    const bench = new Bench()
    bench.discover(a)
    const ack = bench.send(a, 'request', [
      option.serverIdentifier.write(server),
      option.requestedAddress.write(ip('192.0.2.100')),
    ])
    expect(ack.kind === 'reply' && option.leaseTime.read(ack.reply.options)).toBe(3600)
    expect(ack.kind === 'reply' && option.renewalTime.read(ack.reply.options)).toBe(1800)
    expect(ack.kind === 'reply' && option.rebindingTime.read(ack.reply.options)).toBe(3150)
    expect(bench.facts.leaseByAddress(ip('192.0.2.100'))).toMatchObject({ mac: a, state: 'bound' })
  })

  test("SELECTING another server's offer: silence, and ours is free again", () => {
    const bench = new Bench()
    bench.discover(a)
    const chosen = [
      option.serverIdentifier.write(ip('192.0.2.2')),
      option.requestedAddress.write(ip('192.0.2.77')),
    ]
    expect(told(bench.send(a, 'request', chosen))).toBe('silence: other-server')
    expect(bench.discover(b)).toBe('offer 192.0.2.100')
  })

  test("SELECTING another server's offer leaves a lease that it holds already", () => {
    const bench = new Bench()
    bench.boot(a)
    bench.send(a, 'request', [
      option.serverIdentifier.write(ip('192.0.2.2')),
      option.requestedAddress.write(ip('192.0.2.77')),
    ])
    expect(bench.facts.leaseByAddress(ip('192.0.2.100'))).toMatchObject({ mac: a, state: 'bound' })
  })

  test('a lease that had ended begins anew', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    bench.boot(a)
    const first = bench.facts.lease(subnet().name, a)!.since
    bench.later(4000)
    bench.boot(a)
    expect(bench.facts.lease(subnet().name, a)!.since).toBe(first + 4_000_000)
  })

  test("SELECTING an address that is another machine's: NAK", () => {
    const bench = new Bench()
    bench.boot(a)
    expect(bench.select(b, ip('192.0.2.100'))).toBe('nak')
  })

  test('SELECTING what was offered is acknowledged even if the reservation came in between', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    bench.discover(a)
    bench.facts.apply({ kind: 'machine.put', machine: machine('r1', { address: ip('192.0.2.9') }) })
    expect(bench.select(a, ip('192.0.2.100'))).toBe('ack 192.0.2.100')
  })

  test('INIT-REBOOT: the right address is acknowledged, a wrong one refused', () => {
    const bench = new Bench({ machines: [machine('r1', { macs: [a] })] })
    bench.boot(a)
    const remembers = (text: string) =>
      told(bench.send(a, 'request', [option.requestedAddress.write(ip(text))]))
    expect(remembers('192.0.2.100')).toBe('ack 192.0.2.100')
    expect(remembers('10.9.9.9')).toBe('nak')
  })

  test('INIT-REBOOT of a client that we never heard of: silence, for another may know it', () => {
    const bench = new Bench()
    const remembers = [option.requestedAddress.write(ip('192.0.2.100'))]
    expect(told(bench.send(a, 'request', remembers))).toBe('silence: no-record')
    const elsewhere = [option.requestedAddress.write(ip('10.9.9.9'))]
    expect(told(bench.send(a, 'request', elsewhere))).toBe('silence: no-record')
  })

  test('INIT-REBOOT of a machine whose reservation has changed: NAK, so that it moves', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    bench.boot(a)
    bench.facts.apply({ kind: 'machine.put', machine: machine('r1', { address: ip('192.0.2.9') }) })
    const remembers = [option.requestedAddress.write(ip('192.0.2.100'))]
    expect(told(bench.send(a, 'request', remembers))).toBe('nak')
    expect(bench.discover(a)).toBe('offer 192.0.2.9')
  })

  test('RENEWING: the lease runs on from now, to the client itself; a running machine is not moved', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    bench.boot(a)
    bench.facts.apply({ kind: 'machine.put', machine: machine('r1', { address: ip('192.0.2.9') }) })
    bench.later(1800)
    const renewed = bench.send(a, 'request', [], { ciaddr: ip('192.0.2.100') })
    expect(renewed).toMatchObject({
      type: 'ack',
      to: { kind: 'client', address: ip('192.0.2.100') },
    })
    expect(bench.facts.leaseByAddress(ip('192.0.2.100'))?.expires).toBe(bench.now + 3_600_000)
  })

  test('a renewal is no line of the boot timeline', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    bench.boot(a)
    const renewed = bench.send(a, 'request', [], { ciaddr: ip('192.0.2.100') })
    expect(renewed.changes.map(({ kind }) => kind)).toEqual(['lease.put'])
  })

  test('REBINDING to an address that was given away: NAK, broadcast', () => {
    const bench = new Bench()
    bench.boot(a)
    bench.later(3601)
    for (const n of [2, 3, 4, 5]) bench.boot(macNumber(n))
    const late = bench.send(a, 'request', [], { ciaddr: ip('192.0.2.100') })
    expect(late).toMatchObject({ kind: 'silence', reason: 'no-record' })
    const known = new Bench({ machines: [machine('r1', { macs: [a] })] })
    known.boot(b)
    const wrong = known.send(a, 'request', [], { ciaddr: ip('192.0.2.100') })
    expect(wrong).toMatchObject({ type: 'nak', to: { kind: 'segment' } })
  })
})

describe('RELEASE, DECLINE, INFORM', () => {
  test('a released address goes to its machine again, or to another when the pool is used up', () => {
    const bench = new Bench()
    for (const n of [1, 2, 3, 4]) bench.boot(macNumber(n))
    bench.send(a, 'release', [], { ciaddr: ip('192.0.2.100') })
    expect(bench.discover(macNumber(5))).toBe('offer 192.0.2.100')
    expect(bench.discover(a)).toBe('silence: no-address')
  })

  test("nobody releases another machine's address", () => {
    const bench = new Bench()
    bench.boot(a)
    bench.send(b, 'release', [], { ciaddr: ip('192.0.2.100') })
    expect(bench.facts.leaseByAddress(ip('192.0.2.100'))).toMatchObject({ mac: a, state: 'bound' })
  })

  test('a declined address goes to nobody for five minutes, and then to anybody', () => {
    const bench = new Bench({ subnets: [subnet({ pool: '192.0.2.100-192.0.2.101' })] })
    bench.boot(a)
    const found = [
      option.requestedAddress.write(ip('192.0.2.100')),
      option.serverIdentifier.write(server),
    ]
    expect(told(bench.send(a, 'decline', found))).toBe('silence: needs-none')
    expect(bench.discover(a)).toBe('offer 192.0.2.101')
    expect(bench.discover(b)).toBe('silence: no-address')
    bench.later(301)
    expect(bench.discover(b)).toBe('offer 192.0.2.100')
  })

  test('INFORM is told the network, without an address or times', () => {
    const bench = new Bench()
    const informed = bench.send(a, 'inform', [], { ciaddr: ip('192.0.2.7') })
    expect(informed).toMatchObject({
      type: 'ack',
      to: { kind: 'client', address: ip('192.0.2.7') },
    })
    if (informed.kind !== 'reply') throw new Error('no reply')
    expect(informed.reply.yiaddr).toBe(unspecified)
    expect(option.leaseTime.read(informed.reply.options)).toBeUndefined()
    expect(option.router.read(informed.reply.options)).toEqual([ip('192.0.2.254')])
    expect(informed.changes).toEqual([])
  })
})

describe('behind a relay', () => {
  const far = subnet({
    name: 'far' as Subnet['name'],
    network: { base: ip('198.51.100.0'), prefix: 24 },
    pools: [{ from: ip('198.51.100.20'), to: ip('198.51.100.29') }],
    router: ip('198.51.100.1'),
  })
  const giaddr = ip('198.51.100.1')

  test('the subnet is that of the relay, the reply goes to it with its option 82', () => {
    const bench = new Bench({ subnets: [subnet(), far] })
    const agent = relayAgentOf([1, Buffer.from('rb0')], [2, Buffer.from('sw7')])
    const offer = bench.send(a, 'discover', [option.relayAgent.write(agent)], { giaddr })
    if (offer.kind !== 'reply') throw new Error('no reply')
    expect(formatIpv4(offer.reply.yiaddr)).toBe('198.51.100.20')
    expect(offer.to).toEqual({ kind: 'relay', address: giaddr })
    expect(offer.reply.options.get(82)).toEqual(agent.raw)
  })

  test('link selection (RFC 3527) names the subnet where giaddr does not', () => {
    const bench = new Bench({ subnets: [subnet(), far] })
    const agent = relayAgentOf([5, Uint8Array.of(198, 51, 100, 0)])
    const header = { giaddr: ip('192.0.2.200') }
    expect(bench.discover(a, [option.relayAgent.write(agent)], header)).toBe('offer 198.51.100.20')
  })

  test('a relay that stands in for the server (RFC 5107) is named, and taken for us', () => {
    const bench = new Bench({ subnets: [subnet(), far] })
    const agent = option.relayAgent.write(relayAgentOf([11, Uint8Array.of(198, 51, 100, 1)]))
    const offer = bench.send(a, 'discover', [agent], { giaddr })
    if (offer.kind !== 'reply') throw new Error('no reply')
    expect(option.serverIdentifier.read(offer.reply.options)).toBe(giaddr)
    const chosen = [
      agent,
      option.serverIdentifier.write(giaddr),
      option.requestedAddress.write(ip('198.51.100.20')),
    ]
    expect(told(bench.send(a, 'request', chosen, { giaddr }))).toBe('ack 198.51.100.20')
  })

  test('option 82 from a client itself counts for nothing: it could choose its subnet', () => {
    const bench = new Bench({ subnets: [subnet(), far] })
    const agent = relayAgentOf([5, Uint8Array.of(198, 51, 100, 0)], [11, Uint8Array.of(8, 8, 8, 8)])
    const offer = bench.send(a, 'discover', [option.relayAgent.write(agent)])
    expect(told(offer)).toBe('offer 192.0.2.100')
    expect(offer.kind === 'reply' && option.serverIdentifier.read(offer.reply.options)).toBe(server)
  })

  test('a NAK goes to the relay too, marked for broadcast', () => {
    const bench = new Bench({ subnets: [subnet(), far], machines: [machine('r1', { macs: [a] })] })
    const remembers = [option.requestedAddress.write(ip('192.0.2.100'))]
    const nak = bench.send(a, 'request', remembers, { giaddr })
    expect(nak).toMatchObject({ type: 'nak', to: { kind: 'relay' }, reply: { broadcast: true } })
  })

  test('a client that renews past its relay is found by its own address', () => {
    const bench = new Bench({ subnets: [subnet(), far] })
    bench.discover(a, [], { giaddr })
    bench.select(a, ip('198.51.100.20'), [], { giaddr })
    const renewed = bench.send(a, 'request', [], { ciaddr: ip('198.51.100.20') })
    expect(told(renewed)).toBe('ack 198.51.100.20')
  })
})

describe('what to boot', () => {
  const offerTo = (options: readonly OptionEntry[], bench = new Bench()) => {
    const offer = bench.send(a, 'discover', options)
    if (offer.kind !== 'reply') throw new Error('no reply')
    return offer.reply
  }

  test.each([
    ['BIOS', 0, 'undionly.kpxe'],
    ['UEFI x64', 7, 'snponly.efi'],
    ['UEFI x64 that calls itself EBC', 9, 'snponly.efi'],
  ])('%s firmware is given its iPXE over TFTP', (_name, arch, file) => {
    const reply = offerTo(pxe(arch))
    expect(reply.file).toBe(file)
    expect(option.bootFileName.read(reply.options)).toBe(file)
    expect(option.tftpServerName.read(reply.options)).toBe('192.0.2.1')
    expect(reply.siaddr).toBe(server)
  })

  test('UEFI HTTP boot is given a URL, and its class back', () => {
    const reply = offerTo([
      option.vendorClass.write('HTTPClient:Arch:00016:UNDI:003000'),
      option.clientArchitecture.write([16]),
    ])
    expect(option.bootFileName.read(reply.options)).toBe(
      'http://192.0.2.1:8080/boot/files/ipxe.efi',
    )
    expect(option.vendorClass.read(reply.options)).toBe('HTTPClient')
  })

  test('iPXE is given its script and told not to wait for a proxy', () => {
    const reply = offerTo(ipxe)
    expect(reply.file).toBe('http://192.0.2.1:8080/boot/52-54-00-00-00-01.ipxe?arch=x86_64')
    expect(option.ipxe.read(reply.options)?.get(176)).toEqual(Uint8Array.of(1))
  })

  test('iPXE that lost its user class is known by its features, or it would load itself for ever', () => {
    const features = option.ipxe.write(
      new Map([
        [0x13, Uint8Array.of(1)],
        [0x24, Uint8Array.of(1)],
      ]),
    )
    expect(offerTo([...pxe(7), features]).file).toMatch(/\.ipxe\?arch=x86_64$/)
  })

  test('a running system is told nothing of booting', () => {
    const reply = offerTo([])
    expect([reply.file, reply.siaddr]).toEqual(['', unspecified])
    expect(reply.options.has(67)).toBe(false)
  })

  test('firmware for which no iPXE is there gets its address all the same, and the timeline says why', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    const offer = bench.send(a, 'discover', pxe(11))
    expect(told(offer)).toBe('offer 192.0.2.100')
    const events = offer.changes.flatMap((change) =>
      change.kind === 'event.add' ? [change.event.event] : [],
    )
    expect(events).toMatchObject([{ kind: 'dhcp.offer' }, { kind: 'boot-file.missing', arch: 11 }])
  })
})

describe('what is in a reply', () => {
  test('only what was asked for, and the netmask', () => {
    const bench = new Bench({ machines: [machine('r1')] })
    const offer = bench.send(a, 'discover', [option.parameterRequestList.write([3, 12])])
    if (offer.kind !== 'reply') throw new Error('no reply')
    expect([...offer.reply.options.keys()]).toEqual([53, 54, 51, 58, 59, 1, 3, 12])
    expect(option.hostName.read(offer.reply.options)).toBe('r1')
  })

  test('the client identifier comes back (RFC 6842), in a NAK too', () => {
    const bench = new Bench()
    bench.boot(b)
    const id = option.clientIdentifier.write(Uint8Array.of(1, 2, 3))
    const nak = bench.send(a, 'request', [
      id,
      option.serverIdentifier.write(server),
      option.requestedAddress.write(ip('192.0.2.100')),
    ])
    expect(nak.kind === 'reply' && nak.reply.options.get(61)).toEqual(Uint8Array.of(1, 2, 3))
  })
})

describe('options that only describe the client', () => {
  test.each([
    ['a UUID of 16 octets', [97, new Uint8Array(16)]],
    ['an architecture of one octet', [93, Uint8Array.of(7)]],
    ['an opaque option 175', [175, Uint8Array.of(9, 9, 9)]],
    ['an empty request list', [55, new Uint8Array(0)]],
  ] as const)('%s does not keep a machine down', (_name, entry) => {
    expect(new Bench().discover(a, [entry])).toBe('offer 192.0.2.100')
  })

  test('a client identifier that would fill the reply is not echoed', () => {
    const offer = new Bench().send(a, 'discover', [[61, new Uint8Array(300)]])
    expect(offer.kind === 'reply' && offer.reply.options.has(61)).toBe(false)
  })
})

describe('what is no request', () => {
  test.each([
    ['a reply', {}, { op: 'reply' as const }, 'not-a-request'],
    ['no Ethernet', {}, { htype: 6 }, 'not-ethernet'],
    ['a group address', {}, { chaddr: Uint8Array.of(1, 0, 0, 0, 0, 1) }, 'not-ethernet'],
    ['a short address', {}, { chaddr: Uint8Array.of(2, 0) }, 'not-ethernet'],
    ['BOOTP', {}, { options: optionsOf() }, 'not-a-request'],
  ])('%s', (_name, _options, header, reason) => {
    expect(told(new Bench().send(mac('02:00:00:00:00:01'), 'discover', [], header))).toBe(
      `silence: ${reason}`,
    )
  })
})
