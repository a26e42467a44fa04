import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { machineKinds, powerOn } from '../../src/simulator/machine.ts'
import type { Progress } from '../../src/simulator/progress.ts'
import type { DhcpMessage } from '../../src/wire/dhcp.ts'
import { option, type OptionEntry } from '../../src/wire/dhcp-options.ts'
import { ip } from '../support/inventory.ts'
import { type Answers, isDiscover, nic, reply, site } from './dhcp-site.ts'

/** What a machine's screen says when its server lets it down. */
let web: Server
let base: string

/** By path. HEAD says one octet more for `/short`. */
const files: Readonly<Record<string, string>> = {
  '/short': 'abc',
  '/html': '<html>',
  '/good': '#!ipxe\nkernel --name k http://BASE/k initrd=i\ninitrd --name i http://BASE/i\nboot k',
  '/other-name': '#!ipxe\nkernel http://BASE/k initrd=other\ninitrd http://BASE/i\nboot k',
  '/broken': '#!ipxe\nkernel http://BASE/none\n',
  '/k': 'kernel',
  '/i': 'initrd',
}

beforeAll(async () => {
  web = createServer((request, response) => {
    const text = files[request.url ?? '']?.replaceAll('BASE', base)
    if (text === undefined) return response.writeHead(404).end()
    const size = text.length + (request.method === 'HEAD' && request.url === '/short' ? 1 : 0)
    return response.writeHead(200, { 'Content-Length': size }).end(text)
  }).listen(0, '127.0.0.1')
  await once(web, 'listening')
  base = `127.0.0.1:${(web.address() as AddressInfo).port}`
})

afterAll(() => web.close())

const httpClass = option.vendorClass.write('HTTPClient')

/** A server with these options in every answer. */
const answering =
  (...options: readonly OptionEntry[]): Answers =>
  (request: DhcpMessage) => {
    const type = isDiscover(request) ? 'offer' : 'ack'
    return [
      { ...reply(request, type, ...options), yiaddr: ip('127.0.0.1'), siaddr: ip('127.0.0.1') },
    ]
  }

const boot = (kind: keyof typeof machineKinds, answers: Answers): Promise<Progress> =>
  powerOn({ kind: machineKinds[kind], nic, site: { ...site(answers).here, tftpPort: 1 } }, never)
const never = new AbortController().signal

test.each<[string, keyof typeof machineKinds, Answers, Partial<Progress>]>([
  [
    'nobody answers',
    'uefiPxe',
    () => [],
    { stage: 'firmware', problem: 'PXE-E51: no answer to DHCP DISCOVER' },
  ],
  [
    'no boot file',
    'biosPxe',
    answering(),
    { stage: 'firmware', problem: 'PXE-E53: no boot filename received' },
  ],
  ['nothing for iPXE', 'biosRom', answering(), { stage: 'ipxe', problem: 'iPXE: nothing to boot' }],
  [
    'nobody answers iPXE',
    'biosRom',
    () => [],
    { stage: 'ipxe', problem: 'iPXE: no configuration methods succeeded' },
  ],
])('%s', async (_name, kind, answers, end) => {
  expect(await boot(kind, answers)).toMatchObject(end)
})

test.each([
  ['/none', /status 404$/],
  ['/short', 'HEAD promised 4 octets, 3 came'],
])('a boot file of UEFI HTTP boot: %s', async (path, problem) => {
  const url = option.bootFileName.write(`http://${base}${path}`)
  const end = await boot('uefiHttp', answering(url, httpClass))
  expect(end).toMatchObject({ stage: 'boot-file', address: '127.0.0.1' })
  expect(end.problem).toMatch(problem)
})

test.each([
  ['/none', 'ipxe', /^iPXE: .* status 404$/],
  ['/html', 'ipxe', /is no script$/],
  ['/broken', 'kernel', /^iPXE gave up: kernel: .* status 404$/],
] as const)('a script: %s', async (path, stage, problem) => {
  const end = await boot('biosRom', answering(option.bootFileName.write(`http://${base}${path}`)))
  expect(end.stage).toBe(stage)
  expect(end.problem).toMatch(problem)
})

test('a UEFI kernel finds its initrd by name; a BIOS kernel is handed it', async () => {
  const withName = answering(option.bootFileName.write(`http://${base}/good`))
  const another = answering(option.bootFileName.write(`http://${base}/other-name`))
  const rom = { ...machineKinds.uefiPxe, firmware: undefined }
  const uefi = async (answers: Answers): Promise<string | undefined> => {
    const { firmware: _, ...kind } = rom
    return (await powerOn({ kind, nic, site: site(answers).here }, never)).problem
  }
  expect(await uefi(another)).toBe("the kernel finds no initrd called 'other'")
  const noSeed = 'cloud-init: no seed on the command line'
  expect(await uefi(withName)).toBe(noSeed)
  expect((await boot('biosRom', another)).problem).toBe(noSeed)
})

test('a plug that is pulled during TFTP', async () => {
  const plug = new AbortController()
  const here = { ...site(answering(option.bootFileName.write('x'))).here, tftpPort: 1 }
  const machine = { kind: machineKinds.uefiPxe, nic, site: here }
  const end = await powerOn(machine, plug.signal, ({ stage }) => {
    if (stage === 'boot-file') plug.abort()
  })
  expect(end).toMatchObject({ stage: 'boot-file', problem: 'powered off' })
})
