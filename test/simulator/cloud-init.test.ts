import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { noCloudArgument, runCloudInit } from '../../src/simulator/cloud-init.ts'
import type { Power } from '../../src/simulator/firmware.ts'
import { BootFailure, type Progress } from '../../src/simulator/progress.ts'

describe('the argument on the kernel command line', () => {
  test.each([
    ['quiet', undefined],
    ['ds=nocloud', {}],
    ['ds=nocloudy;s=http://x/', undefined],
    ['a ds=nocloud;s=http://x/ b', { seed: 'http://x/' }],
    [
      'ds=nocloud;dsmode=net;h=a;i=b;s=http://x/?a=b',
      { hostname: 'a', instanceId: 'b', seed: 'http://x/?a=b' },
    ],
    ['ds=nocloud-net;seedfrom=http://x/;local-hostname=a', { hostname: 'a', seed: 'http://x/' }],
    ['ds=nocloud;s=http://x/ ds=nocloud;s=http://y/', { seed: 'http://y/' }],
  ])('%s', (commandLine, argument) => {
    expect(noCloudArgument(commandLine)).toEqual(argument)
  })
})

interface Asked {
  readonly what: string
  readonly type: string | undefined
  readonly body: string
}

type Answer = string | number | readonly [status: number, headers: Record<string, string>]

let server: Server
let base: string
let asked: Asked[]
let waited: number[]
/** By path; what is not here is 200 and empty. A list is worked off, its last element stays. */
let answers: Record<string, readonly Answer[]>

beforeEach(async () => {
  asked = []
  waited = []
  answers = {}
  server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/seed/`
})

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
  const path = (request.url ?? '').slice('/seed/'.length)
  const { 'user-agent': agent, 'content-type': type } = request.headers
  const body = Buffer.concat(pieces).toString()
  asked.push({ what: `${request.method} ${path} ${agent}`, type, body })
  const [next = '', ...rest] = answers[path] ?? []
  if (rest.length > 0) answers[path] = rest
  if (typeof next === 'string') response.end(next)
  else if (typeof next === 'number') response.writeHead(next).end()
  else response.writeHead(...next).end()
}

afterEach(() => {
  server.close()
})

/** Time passes at once. */
async function boot(commandLine: string): Promise<Progress> {
  let progress: Progress = { stage: 'system', console: [] }
  const power = {
    site: { sleep: async (ms: number) => void waited.push(ms / 1000) },
    report: (change: Partial<Progress>) => (progress = { ...progress, ...change }),
    signal: new AbortController().signal,
  } as unknown as Power
  try {
    await runCloudInit(commandLine, '127.0.0.1', power)
  } catch (error) {
    if (!(error instanceof BootFailure)) throw error
    return { ...progress, problem: error.message }
  }
  return progress
}

const gets = (): readonly string[] => asked.map(({ what }) => what.split(' ', 2).join(' '))

test('four documents in the order of cloud-init 25, and no more', async () => {
  answers = { 'meta-data': ['instance-id: i-1\nlocal-hostname: worker-1\n'] }
  const progress = await boot(`quiet ds=nocloud;s=${base}`)
  expect(progress).toMatchObject({ stage: 'up', hostname: 'worker-1', instanceId: 'i-1' })
  expect(gets()).toEqual([
    'GET network-config',
    'GET meta-data',
    'GET user-data',
    'GET vendor-data',
  ])
  expect(asked.every(({ what }) => what.endsWith('Cloud-Init/25.2'))).toBe(true)
})

test('the command line wins over the seed', async () => {
  answers = { 'meta-data': ['instance-id: i-1\nlocal-hostname: worker-1\n'] }
  const progress = await boot(`ds=nocloud;h=other;i=i-2;s=${base}`)
  expect(progress).toMatchObject({ hostname: 'other', instanceId: 'i-2' })
})

const fqdnFirst = '#cloud-config\nprefer_fqdn_over_hostname: true\n'
test.each([
  ['of a name with dots the first label', '', '', 'a'],
  ['the whole name where vendor-data wants it', fqdnFirst, '', 'a.b.c'],
  ["the user-data's name before the meta-data's", '', '#cloud-config\nhostname: mine\n', 'mine'],
  ['nothing from user-data that is no cloud-config', '', 'hostname: mine\n', 'a'],
])('%s', async (_name, vendor, user, hostname) => {
  answers = {
    'meta-data': ['{"local-hostname": "a.b.c"}'],
    'vendor-data': [vendor],
    'user-data': [user],
  }
  expect((await boot(`ds=nocloud;s=${base}`)).hostname).toBe(hostname)
})

describe('a server in trouble', () => {
  test('vendor-data and network-config may be missing, after ten seconds each', async () => {
    answers = { 'vendor-data': [404], 'network-config': [500], 'meta-data': ['local-hostname: a'] }
    expect(await boot(`ds=nocloud;s=${base}`)).toMatchObject({ stage: 'up', hostname: 'a' })
    expect(waited).toEqual(Array.from({ length: 20 }, () => 1))
  })

  test.each(['meta-data', 'user-data'])('without %s the whole seed is lost', async (document) => {
    answers = { 'meta-data': ['local-hostname: a'], [document]: [403] }
    const lost = await boot(`systemd.hostname=w ds=nocloud;h=w;s=${base}`)
    expect(lost).toMatchObject({ stage: 'cloud-init', hostname: 'w' })
    expect(lost.problem).toContain('no datasource')
    expect(gets().filter((each) => each === `GET ${document}`).length).toBe(11)
    expect((await boot(`ds=nocloud;s=${base}`)).hostname).toBe('localhost')
  })

  test('503 with Retry-After is waited for, however long', async () => {
    const busy = [503, { 'Retry-After': '5' }] as const
    answers = {
      'meta-data': [...Array.from({ length: 30 }, () => busy), 'local-hostname: a'],
    }
    expect((await boot(`ds=nocloud;s=${base}`)).hostname).toBe('a')
    expect(waited).toEqual(Array.from({ length: 30 }, () => 5))
  })

  test('nobody there', async () => {
    const lost = await boot('ds=nocloud;s=http://127.0.0.1:1/')
    expect(lost.problem).toContain('ECONNREFUSED')
    expect(waited.length).toBe(20)
  })
})

describe('reports', () => {
  const vendor = (tries: number): string =>
    `#cloud-config\nreporting: {x: {type: webhook, endpoint: "${base}events"}}\n` +
    `phone_home: {url: "${base}home", post: [instance_id, hostname, fqdn, pub_key_rsa], tries: ${tries}}\n`

  test('events as JSON with no type, and the phone home form', async () => {
    answers = {
      'meta-data': ['instance-id: i-1\nlocal-hostname: a.b\n'],
      'vendor-data': [vendor(10)],
    }
    expect(await boot(`ds=nocloud;s=${base}`)).toMatchObject({ stage: 'up', phonedHome: true })
    const events = asked.filter(({ what }) => what.startsWith('POST events'))
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set([undefined]))
    const told = events.map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    expect(told[0]).toEqual({
      name: 'init-network/config-migrator',
      description: 'running config-migrator with frequency always',
      event_type: 'start',
      origin: 'cloudinit',
      timestamp: expect.any(Number),
    })
    expect(told.at(-1)).toMatchObject({
      name: 'modules-final',
      event_type: 'finish',
      result: 'SUCCESS',
    })
    const home = asked.find(({ what }) => what.startsWith('POST home'))
    expect(home).toMatchObject({
      type: 'application/x-www-form-urlencoded',
      body: 'instance_id=i-1&hostname=a&fqdn=a.b&pub_key_rsa=N%2FA',
    })
  })

  test('phone home is tried again every three seconds, events are not', async () => {
    answers = { 'vendor-data': [vendor(3)], home: [500, 500, ''], events: [500] }
    expect(await boot(`ds=nocloud;s=${base}`)).toMatchObject({ phonedHome: true })
    expect(waited).toEqual([3, 3])
  })

  test('phone home that nobody takes', async () => {
    answers = { 'vendor-data': [vendor(2)], home: [403] }
    expect(await boot(`ds=nocloud;s=${base}`)).toMatchObject({ stage: 'up', phonedHome: false })
    expect(waited).toEqual([3])
  })
})
