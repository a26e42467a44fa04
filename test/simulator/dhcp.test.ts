import { describe, expect, test } from 'vitest'
import { type DhcpResult, obtainLease, wantsHttpBoot } from '../../src/simulator/dhcp.ts'
import { dhcpClients } from '../../src/simulator/dhcp-clients.ts'
import type { Site } from '../../src/simulator/link.ts'
import { macToBytes } from '../../src/values/mac.ts'
import type { DhcpMessage } from '../../src/wire/dhcp.ts'
import { option } from '../../src/wire/dhcp-options.ts'
import { ip, mac } from '../support/inventory.ts'
import { address, isDiscover, nic, reply, server, site, willing } from './dhcp-site.ts'

const ask = (here: Site, client = dhcpClients.ovmfPxe, wants?: typeof wantsHttpBoot) =>
  obtainLease(client, nic, here, new AbortController().signal, wants)

const addressOf = (result: DhcpResult) => (result.kind === 'bound' ? result.lease.address : result)

describe('DISCOVER, OFFER, REQUEST, ACK', () => {
  test('takes up what was offered, in the same transaction', async () => {
    const { here, requests } = site(willing)
    expect(addressOf(await ask(here))).toBe(address)
    expect(requests.map(({ options }) => option.messageType.read(options))).toEqual([
      'discover',
      'request',
    ])
    expect(new Set(requests.map(({ xid }) => xid))).toEqual(new Set([0x07070707]))
    const { options } = requests[1]!
    expect(option.requestedAddress.read(options)).toBe(address)
    expect(option.serverIdentifier.read(options)).toBe(server)
  })

  test('what is not for it is not heard', async () => {
    const { here } = site((request) => [
      Uint8Array.of(1, 2, 3),
      { ...reply(request, 'offer'), xid: 1, yiaddr: ip('192.0.2.66') },
      { ...reply(request, 'offer'), chaddr: macToBytes(mac('52:54:00:00:00:02')) },
      { ...reply(request, 'offer'), op: 'request' },
      ...willing(request),
    ])
    expect(addressOf(await ask(here))).toBe(address)
  })

  test('an ACK of another server is not heard', async () => {
    const { here } = site((request) => {
      if (isDiscover(request)) return willing(request)
      const other = option.serverIdentifier.write(ip('192.0.2.2'))
      return [reply(request, 'ack', other), reply(request, 'ack')]
    })
    expect(addressOf(await ask(here))).toBe(address)
  })

  test.each([
    ['siaddr and file', { siaddr: ip('192.0.2.3'), file: 'a' }, [], ['192.0.2.3', 'a']],
    [
      'options 66 and 67 alone',
      {},
      [option.tftpServerName.write('192.0.2.4'), option.bootFileName.write('b')],
      ['192.0.2.4', 'b'],
    ],
    ['the server itself', { file: 'c' }, [], ['192.0.2.1', 'c']],
    ['no boot file', {}, [], ['192.0.2.1', undefined]],
  ] as const)('reads %s', async (_name, fields, options, [nextServer, bootFile]) => {
    const { here } = site((request) => [
      { ...reply(request, isDiscover(request) ? 'offer' : 'ack', ...options), ...fields },
    ])
    expect(await ask(here)).toMatchObject({ lease: { nextServer: ip(nextServer), bootFile } })
  })
})

describe('without an answer', () => {
  test.each([
    ['ovmfPxe', [4, 8, 16]],
    ['biosPxe', [4, 8, 16]],
    ['ipxeRom', [1, 2, 4, 8]],
    ['networkd', [2, 4, 8, 16]],
    ['udhcpc', [3, 3, 3]],
  ] as const)('%s repeats its DISCOVER after %j s', async (name, seconds) => {
    const { here, requests, waited } = site(() => [])
    expect(await ask(here, dhcpClients[name])).toEqual({ kind: 'unanswered', message: 'DISCOVER' })
    expect(waited).toEqual(seconds)
    expect(requests.length).toBe(seconds.length)
  })

  test('to its REQUEST', async () => {
    const { here } = site((request) => (isDiscover(request) ? willing(request) : []))
    expect(await ask(here)).toEqual({ kind: 'unanswered', message: 'REQUEST' })
  })

  test('iPXE counts its packets in secs, and says when it has an offer', async () => {
    let heard = 0
    const { here, requests } = site((request) => ((heard += 1) < 3 ? [] : willing(request)))
    await ask(here, dhcpClients.ipxeRom)
    expect(requests.map(({ secs }) => secs)).toEqual([4, 8, 12, 18])
  })

  test('HTTP boot does not take an offer without its class', async () => {
    const ofPxe = site(willing)
    const unanswered = { kind: 'unanswered', message: 'DISCOVER' }
    expect(await ask(ofPxe.here, dhcpClients.ovmfHttp, wantsHttpBoot)).toEqual(unanswered)
    const ofHttp = site((request) =>
      willing(request).map((each) => {
        const [code, value] = option.vendorClass.write('HTTPClient')
        const message = each as DhcpMessage
        return { ...message, options: new Map([...message.options, [code, value]]) }
      }),
    )
    expect(addressOf(await ask(ofHttp.here, dhcpClients.ovmfHttp, wantsHttpBoot))).toBe(address)
  })

  test('ends when the machine is powered off', async () => {
    const { here } = site(() => [])
    const off = new AbortController()
    off.abort()
    await expect(obtainLease(dhcpClients.ovmfPxe, nic, here, off.signal)).rejects.toThrow('aborted')
  })
})

test('a NAK sends it back to DISCOVER, not for ever', async () => {
  const { here, requests } = site((request) => {
    if (isDiscover(request)) return willing(request)
    return [reply(request, 'nak', option.message.write('taken'))]
  })
  const result = await ask(here)
  expect(result).toEqual({ kind: 'refused', reason: '192.0.2.1 refused: taken' })
  expect(requests.length).toBe(6)
})
