import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createLab, type Lab, type Namespace } from './lab.ts'
import type { Running } from './lab-process.ts'
import { tool } from './lab-tools.ts'

/** Real clients in one namespace, the server in another, a cable between them. */

const server = '192.0.2.1'
const sizes = [0, 1, 511, 512, 513, 1468, 1024 * 1024 + 3]
const lossySize = 20_000

const folder = mkdtempSync(join(tmpdir(), 'rollcall-tftp-'))
const served = join(folder, 'served')
const received = join(folder, 'received')
const nameOf = (size: number): string => `octets-${size}`
const sha256Of = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex')

let lab: Lab
let client: Namespace
let host: Namespace
let running: Running

beforeAll(async () => {
  mkdirSync(served)
  for (const size of [...sizes, lossySize]) {
    writeFileSync(join(served, nameOf(size)), randomBytes(size))
  }
  lab = await createLab()
  host = await lab.namespace('server')
  client = await lab.namespace('client')
  await lab.veth({ ns: host, device: 'eth0' }, { ns: client, device: 'eth0' })
  await host.ip(`address add ${server}/24 dev eth0`)
  await client.ip('address add 192.0.2.2/24 dev eth0')
  const script = join(import.meta.dirname, 'tftp-server.ts')
  running = host.start('TFTP server', [process.execPath, script, server, '69', served])
  await running.waitFor(/^ready$/m, 20)
})

afterEach(() => rmSync(received, { force: true }))

afterAll(async () => {
  await lab.close()
  rmSync(folder, { recursive: true })
})

interface Client {
  readonly name: string
  /** What the server grants it. */
  readonly terms: { readonly blockSize: number; readonly windowSize: number }
  readonly get: (file: string) => string[]
  readonly put: (from: string, file: string) => string[]
}

const small = { blockSize: 512, windowSize: 1 }
const large = { blockSize: 1468, windowSize: 1 }

/** A TFTP client with every option, as words like `blksize 1468`. */
function atftp(name: string, terms: Client['terms'], ...options: string[]): Client {
  const words = options.flatMap((option) => ['--option', option])
  const ask = (verb: string, local: string, remote: string): string[] => [
    tool('atftp'),
    ...words,
    verb,
    '--local-file',
    local,
    '--remote-file',
    remote,
    server,
  ]
  return {
    name,
    terms,
    get: (file) => ask('--get', received, file),
    put: (from, file) => ask('--put', from, file),
  }
}

/** Asks for tsize, blksize and timeout unless told otherwise. */
function curl(name: string, terms: Client['terms'], ...options: string[]): Client {
  const ask = (file: string, ...more: string[]): string[] => [
    tool('curl'),
    '-sS',
    '--path-as-is',
    ...options,
    ...more,
    `tftp://${server}/${file}`,
  ]
  return {
    name,
    terms,
    get: (file) => ask(file, '-o', received),
    put: (from, file) => ask(file, '-T', from),
  }
}

/** Asks for tsize; for blksize too if it has a `-b`. */
function busybox(name: string, terms: Client['terms'], ...options: string[]): Client {
  const ask = (verb: string, local: string, remote: string): string[] => [
    tool('busybox'),
    'tftp',
    verb,
    ...options,
    '-l',
    local,
    '-r',
    remote,
    server,
  ]
  return {
    name,
    terms,
    get: (file) => ask('-g', received, file),
    put: (from, file) => ask('-p', from, file),
  }
}

/** Knows no options. It ends with 0 whatever the server says. */
function tftpHpa(name: string, mode: string): Client {
  const ask = (...command: string[]): string[] => [
    tool('tftp'),
    '-m',
    mode,
    server,
    '-c',
    ...command,
  ]
  return {
    name,
    terms: small,
    get: (file) => ask('get', file, received),
    put: (from, file) => ask('put', from, file),
  }
}

const byHand = [
  atftp('atftp', small),
  tftpHpa('tftp-hpa', 'binary'),
  curl('curl', small),
  busybox('busybox', small),
]
const clients = [
  ...byHand,
  atftp('atftp, blksize', large, 'blksize 1468'),
  atftp('atftp, tsize and timeout', small, 'tsize 0', 'timeout 2'),
  atftp('atftp, a window of 4', { ...large, windowSize: 4 }, 'blksize 1468', 'windowsize 4'),
  atftp('atftp, a window cut down to 64', { ...small, windowSize: 64 }, 'windowsize 500'),
  curl('curl without options', small, '--tftp-no-options'),
  curl('curl, blksize', large, '--tftp-blksize', '1468'),
  busybox('busybox, blksize', large, '-b', '1468'),
  busybox('busybox, blksize cut down to 1468', large, '-b', '65464'),
]

/** How much of the server's words has been read. */
let read = 0

/** The server's next event of this kind about this file, with all before it passed over. */
async function nextEvent(kind: string, file: string): Promise<unknown> {
  for (const end = Date.now() + 10_000; Date.now() < end; await setTimeout(10)) {
    const said = running.text()
    for (let at = said.indexOf('\n', read); at >= 0; at = said.indexOf('\n', read)) {
      const line = said.slice(read, at)
      read = at + 1
      const event = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {}
      if (event['kind'] === kind && event['file'] === file) return event
    }
  }
  throw new Error(`no '${kind}' of ${file}; the server's last words:\n${running.tail()}`)
}

describe.each(clients)('$name', ({ get, terms }) => {
  test.each(sizes)('fetches %i octets', async (size) => {
    const file = nameOf(size)
    await client.exec(get(file))
    expect(sha256Of(received)).toBe(sha256Of(join(served, file)))
    expect(await nextEvent('started', file)).toMatchObject({ size, ...terms })
    expect(await nextEvent('completed', file)).toMatchObject({ bytes: size, retransmits: 0 })
  })
})

describe('over a cable that loses every 31st packet in either direction', () => {
  /** Where packets come in, since a client would hear of it if its own sending failed. */
  const loss = `table inet loss { chain in { type filter hook input priority 0;
    meta l4proto udp udp dport != 69 numgen inc mod 31 == 9 counter drop; }; }`

  beforeAll(async () => {
    for (const ns of [host, client]) await ns.exec([tool('nft'), loss])
  })
  afterAll(async () => {
    for (const ns of [host, client]) await ns.exec([tool('nft'), 'delete table inet loss'])
  })

  test.each(clients)('$name fetches the file whole', async ({ get }) => {
    const file = nameOf(lossySize)
    await client.exec(get(file), { seconds: 90 })
    expect(sha256Of(received)).toBe(sha256Of(join(served, file)))
  })

  test('which it did, on both sides', async () => {
    for (const ns of [host, client]) {
      const { stdout } = await ns.exec([tool('nft'), 'list table inet loss'])
      expect(Number(/counter packets (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(3)
    }
  })
})

/** What a client says to its user, whatever its exit code. */
async function words(argv: readonly string[]): Promise<string> {
  const { stdout, stderr } = await client.exec(argv, { anyExit: true })
  return stdout + stderr
}

describe.each(byHand)('$name is refused', ({ get, put }) => {
  test.each(['nothing', '../../../../etc/passwd', '/../served/octets-1', '..\\octets-1'])(
    '%s: not found',
    async (file) => {
      await words(get(file))
      expect(existsSync(received) ? readFileSync(received, 'utf8') : '').toBe('')
      expect(await nextEvent('refused', file)).toMatchObject({ code: 1 })
    },
  )

  test('a write', async () => {
    await words(put(join(served, nameOf(513)), 'new'))
    expect(await nextEvent('refused', 'new')).toMatchObject({ code: 2 })
  })
})

test('netascii is refused in words that the user reads', async () => {
  const said = await words(tftpHpa('tftp-hpa', 'ascii').get(nameOf(513)))
  expect(said).toContain('Error code 4: only octet (binary) mode is served')
})

/** How many packets came from port 0, by what they count as. */
const fromZero = { malformed: 0, strangers: 0 }

describe('packets from port 0, which only a raw socket or a rewriting router makes', () => {
  /** Clients cannot send them: the rule rewrites what leaves them. */
  const rewritten = async (match: string, argv: readonly string[]): Promise<number> => {
    const rule = `table inet zero { chain out { type filter hook output priority 0;
      ${match} udp sport set 0 counter; }; }`
    await client.exec([tool('nft'), rule])
    try {
      await words(argv)
      const { stdout } = await client.exec([tool('nft'), 'list table inet zero'])
      return Number(/counter packets (\d+)/.exec(stdout)?.[1])
    } finally {
      await client.exec([tool('nft'), 'delete table inet zero'])
    }
  }
  const plain = curl('curl', small)
  const hasty = curl('curl', small, '--max-time', '3').get(nameOf(1468))

  test.each([
    ['malformed' as const, 'udp dport 69'],
    ['strangers' as const, 'udp dport 1024-65535'],
  ])('are %s, and the server goes on', async (reason, match) => {
    fromZero[reason] = await rewritten(match, hasty)
    expect(fromZero[reason]).toBeGreaterThan(0)
    rmSync(received, { force: true })
    await client.exec(plain.get(nameOf(1468)))
    expect(sha256Of(received)).toBe(sha256Of(join(served, nameOf(1468))))
    expect(running.hasExited()).toBe(false)
  })
})

test('SIGTERM ends the server in order', async () => {
  expect(await running.stop('SIGTERM')).toBe(0)
  const drops: unknown = JSON.parse(running.text().trimEnd().split('\n').at(-1) ?? '')
  expect(drops).toMatchObject({ busy: 0, unsent: 0, ...fromZero })
})
