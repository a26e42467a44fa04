import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { seconds } from '../../src/values/time.ts'
import { optionName } from '../../src/wire/dhcp-names.ts'
import { option, optionsOf, relayAgentOf } from '../../src/wire/dhcp-options.ts'
import { describeDhcp } from '../../src/wire/dhcp-text.ts'
import { bytes, ip, message } from './dhcp-messages.ts'

test('a message in text', () => {
  const text = describeDhcp(
    message({
      flags: 3,
      file: "it's\\here",
      options: optionsOf(
        option.messageType.write('offer'),
        option.leaseTime.write(seconds(0xffffffff)),
        option.hostName.write('a\x1b[2J\x9b2J'),
        option.clientArchitecture.write([7, 99]),
        option.clientNdi.write({ type: 2, major: 1, minor: 0 }),
        option.classlessRoutes.write([
          { destination: { base: ip(10, 17, 0, 0), prefix: 16 }, router: ip(192, 0, 2, 1) },
        ]),
        option.relayAgent.write(
          relayAgentOf([1, bytes('627230')], [2, bytes('0006525400aa')], [9, bytes('')]),
        ),
        [97, bytes('')],
        [57, bytes('05')],
        [203, bytes('01ff')],
        [204, bytes('')],
      ),
    }),
  )
  expect(text).toBe(
    `
op      request
htype   1
hops    0
xid     0xfedcba98
secs    4
flags   broadcast + 0x3
ciaddr  0.0.0.0
yiaddr  0.0.0.0
siaddr  0.0.0.0
giaddr  0.0.0.0
chaddr  52:54:00:00:02:01
sname   ''
file    'it\\x27s\\x5chere'
 53 DHCP Message Type                 offer
 51 IP Address Lease Time             for ever
 12 Host Name                         'a\\x1b[2J\\x9b2J'
 93 Client System Architecture        7 (x64 UEFI), 99
 94 Client Network Device Interface   type 2, 1.0
121 Classless Route Option Format     10.17.0.0/16 via 192.0.2.1
 82 Relay Agent Information           1 (circuit id)='br0', 2 (remote id)=0006525400aa, 9=(empty)
 97 Client Machine Identifier         (empty)
 57 Maximum DHCP Message Size         malformed, option 57 (Maximum DHCP Message Size) at 1: has 1 octets where 2 are right: 05
203 Option 203                        01ff
204 Option 204                        (empty)`.trimStart(),
  )
})

test('message types of later RFCs have their names, others their number', () => {
  const lines = [10, 77].map((type) =>
    describeDhcp(message({ options: optionsOf(option.messageType.write(type)) }))
      .split('\n')
      .at(-1),
  )
  expect(lines).toEqual([
    ' 53 DHCP Message Type                 leasequery (10)',
    ' 53 DHCP Message Type                 unknown (77)',
  ])
})

test('names come from the table of npm `dhcp`, then from ours, but its own numbers above 254 are none', () => {
  expect([1, 82, 203, 1001].map(optionName)).toEqual([
    'Subnet Mask',
    'Relay Agent Information',
    'Option 203',
    'Option 1001',
  ])
})

test('no name of ours hides one of npm `dhcp`', async () => {
  const { default: table } = await import('dhcp/lib/options.js')
  const theirs = Object.keys(table.opts)
    .map(Number)
    .filter((code) => code < 255)
  for (const code of theirs) expect(optionName(code)).toBe(table.opts[code]?.name)
})

test('of npm `dhcp` nothing but its table is loaded, and loading it prints nothing and leaves nothing running', () => {
  const script = `
    import { createRequire } from 'node:module'
    await import(${JSON.stringify(new URL('../../src/wire/dhcp-names.ts', import.meta.url).href)})
    const loaded = Object.keys(createRequire(import.meta.url).cache).map((file) => file.replace(/.*node_modules./, ''))
    const handles = process.getActiveResourcesInfo().filter((kind) => !/Pipe|TTY|FS/.test(kind))
    console.log(JSON.stringify({ loaded, handles }))`
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(run.stderr).toBe('')
  expect(JSON.parse(run.stdout)).toEqual({
    loaded: ['dhcp/lib/options.js', 'dhcp/lib/tools.js'],
    handles: [],
  })
})
