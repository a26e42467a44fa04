import { expect, test } from 'vitest'
import { askerOf } from '../../src/core/forwarded.ts'
import { formatIpv4, parseNetwork } from '../../src/values/ipv4.ts'
import { must } from '../../src/values/parse.ts'
import { ip } from '../support/inventory.ts'

const proxies = [must(parseNetwork('192.0.2.2/32')), must(parseNetwork('198.51.100.0/30'))]

test.each([
  ['no header, no proxy', '192.0.2.50', undefined, '192.0.2.50'],
  ['a header that nobody vouches for', '192.0.2.50', '192.0.2.60', '192.0.2.50'],
  ['a proxy of ours', '192.0.2.2', '192.0.2.60', '192.0.2.60'],
  ['a proxy of ours that says nothing', '192.0.2.2', undefined, '192.0.2.2'],
  ['a list: the last is whom our proxy heard', '192.0.2.2', '192.0.2.60, 192.0.2.70', '192.0.2.70'],
  ['two proxies of ours', '192.0.2.2', '192.0.2.60, 198.51.100.1', '192.0.2.60'],
  ['somebody claims to be a proxy', '192.0.2.2', '192.0.2.60, 198.51.100.9', '198.51.100.9'],
  ['our proxies only', '192.0.2.2', '198.51.100.2, 198.51.100.1', '198.51.100.2'],
  ['rubbish from our proxy', '192.0.2.2', 'unknown', undefined],
  ['rubbish before it', '192.0.2.2', 'x, ,192.0.2.60', '192.0.2.60'],
  ['IPv6', '192.0.2.2', '2001:db8::1', undefined],
])('%s', (_, peer, header, expected) => {
  const asker = askerOf(ip(peer), header, proxies)
  expect(asker && formatIpv4(asker)).toBe(expected)
})

test('without proxies the header is nothing', () => {
  expect(askerOf(ip('192.0.2.2'), '192.0.2.60', [])).toBe(ip('192.0.2.2'))
  expect(askerOf(undefined, '192.0.2.60', proxies)).toBeUndefined()
})
