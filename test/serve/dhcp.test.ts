import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startDhcpServer, type DhcpServer } from '../../src/serve/dhcp.ts'
import { makeMetrics, type Metrics } from '../../src/serve/metrics.ts'
import { Strangers } from '../../src/serve/strangers.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { StoreError, type Store } from '../../src/store/store.ts'
import { formatIpv4, parseNetwork, unspecified, type Ipv4 } from '../../src/values/ipv4.ts'
import { macToBytes } from '../../src/values/mac.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { option, optionsOf, type OptionEntry } from '../../src/wire/dhcp-options.ts'
import { decodeDhcp, encodeDhcp, type DhcpMessage } from '../../src/wire/dhcp.ts'
import { ip, machine, macNumber, subnet } from '../support/inventory.ts'

/** Loopback's own network, so that the server's address is in the subnet. */
const loopback = subnet({
  network: must(parseNetwork('127.0.0.0/16')),
  pools: [{ from: ip('127.0.9.1'), to: ip('127.0.9.2') }],
  router: ip('127.0.0.254'),
})

let store: Store
let server: DhcpServer
let client: Socket
let metrics: Metrics
const strangers = new Strangers()

const start = async (withStore: Store): Promise<void> => {
  metrics = makeMetrics()
  server = await startDhcpServer({
    segment: { interface: 'lo', address: '127.0.0.1' },
    port: 0,
    httpUrl: 'http://127.0.0.1:8080',
    bootFiles: { fileFor: () => 'snponly.efi' },
    store: withStore,
    clock: () => epochMs(Date.now()),
    random: (bytes) => new Uint8Array(bytes).fill(3),
    strangers,
    metrics,
    log: pino({ level: 'silent' }),
  })
}

beforeEach(async () => {
  store = openSqliteStore({ path: ':memory:' })
  await store.update(() => ({
    changes: [
      { kind: 'subnet.put', subnet: loopback },
      { kind: 'machine.put', machine: machine('r1', { address: ip('127.0.9.9') }) },
    ],
    result: undefined,
  }))
  client = createSocket('udp4')
  client.bind(0, '127.0.0.1')
  await once(client, 'listening')
})

afterEach(async () => {
  client.close()
  await server.stop()
  await store.close()
})

const packet = (n: number, ...options: readonly OptionEntry[]): DhcpMessage => ({
  op: 'request',
  htype: 1,
  hops: 0,
  xid: n,
  secs: 0,
  broadcast: true,
  flags: 0,
  ciaddr: unspecified,
  yiaddr: unspecified,
  siaddr: unspecified,
  giaddr: unspecified,
  chaddr: macToBytes(macNumber(n)),
  sname: '',
  file: '',
  options: optionsOf(...options),
})

const send = (bytes: Uint8Array): void => client.send(bytes, server.port, '127.0.0.1')
const heard = async (): Promise<DhcpMessage> => {
  const [bytes] = (await once(client, 'message')) as [Buffer]
  expect(bytes.length).toBeGreaterThanOrEqual(300)
  return decodeDhcp(bytes)
}
const ask = (message: DhcpMessage): Promise<DhcpMessage> => {
  const answer = heard()
  send(encodeDhcp(message))
  return answer
}
const discover = (n: number) => ask(packet(n, option.messageType.write('discover')))
const request = (n: number, address: Ipv4) =>
  ask(
    packet(
      n,
      option.messageType.write('request'),
      option.serverIdentifier.write(ip('127.0.0.1')),
      option.requestedAddress.write(address),
    ),
  )

test('DISCOVER, OFFER, REQUEST, ACK, over a socket', async () => {
  await start(store)
  const offer = await discover(1)
  expect([offer.op, offer.xid, formatIpv4(offer.yiaddr)]).toEqual(['reply', 1, '127.0.9.9'])
  const ack = await request(1, offer.yiaddr)
  expect(option.messageType.read(ack.options)).toBe('ack')
  expect(store.facts.leaseByAddress(offer.yiaddr)).toMatchObject({ state: 'bound' })
})

test('rubbish is counted and harms nobody', async () => {
  await start(store)
  for (const rubbish of ['', 'x', 'y'.repeat(240), 'z'.repeat(1500)]) send(Buffer.from(rubbish))
  const broken = encodeDhcp(packet(1, [53, Uint8Array.of(1, 1)]))
  send(broken)
  expect(formatIpv4((await discover(1)).yiaddr)).toBe('127.0.9.9')
  const counted = await metrics.dhcpFailed.get()
  expect(counted.values).toMatchObject([{ labels: { reason: 'malformed' }, value: 5 }])
})

test('a MAC that is not in the inventory is served, and shown', async () => {
  await start(store)
  await discover(7)
  expect(strangers.list()[0]).toMatchObject({ mac: macNumber(7), subnet: 'rack' })
})

test('nothing is acknowledged that could not be stored', async () => {
  const full = new StoreError('nothing was stored: database or disk is full')
  let works = true
  const flaky: Store = {
    ...store,
    facts: store.facts,
    update: (decide) => (works ? store.update(decide) : Promise.reject(full)),
  }
  await start(flaky)
  works = false
  send(encodeDhcp(packet(1, option.messageType.write('discover'))))
  while ((await metrics.dhcpFailed.get()).values.length === 0) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  works = true
  // The first answer to arrive is the one to the second machine.
  expect((await discover(2)).xid).toBe(2)
  expect((await metrics.dhcpFailed.get()).values).toMatchObject([
    { labels: { reason: 'StoreError' }, value: 1 },
  ])
})
