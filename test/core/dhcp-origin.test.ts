import { expect, test } from 'vitest'
import { isFromTheWire } from '../../src/core/dhcp-origin.ts'
import { parseNetwork } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf, ip, macNumber, subnet } from '../support/inventory.ts'

const node = '192.0.2.50'
const relay = '198.51.100.1'
const facts = factsOf(
  { kind: 'subnet.put', subnet: subnet() },
  {
    kind: 'lease.put',
    lease: {
      ...{ mac: macNumber(1), subnet: subnet().name, address: ip(node), state: 'bound' },
      ...{ since: epochMs(0), expires: epochMs(1000) },
    },
  },
)
const relays = [must(parseNetwork(`${relay}/32`))]

test.each([
  ['a NIC without an address', '0.0.0.0', '0.0.0.0', {}, true],
  ['a relay', relay, relay, {}, true],
  ["a relay's other leg", '203.0.113.1', relay, {}, true],
  ['a pod behind its node', node, '0.0.0.0', {}, false],
  ['a pod with an address of its own', '203.0.113.9', '0.0.0.0', {}, false],
  ['a pod behind its node that says it is a relay', node, relay, {}, false],
  ['any pod that says so, where relays are named', '203.0.113.9', relay, { relays }, false],
  ['a relay that is named', relay, relay, { relays }, true],
  ['a trial on loopback', '127.0.0.1', '0.0.0.0', {}, true],
])('%s', (_, source, giaddr, more, expected) => {
  const message = { giaddr: ip(giaddr), ciaddr: ip('0.0.0.0') }
  expect(isFromTheWire(message, { source: ip(source), ...more }, facts, epochMs(1))).toBe(expected)
})

test('a source that nobody knows is none', () => {
  const message = { giaddr: ip(relay), ciaddr: ip('0.0.0.0') }
  expect(isFromTheWire(message, {}, facts, epochMs(1))).toBe(false)
})
