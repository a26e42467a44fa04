import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openTransport, type Transport } from '../../../src/serve/kubernetes/transport.ts'

/** HTTP servers that answer as proxies, overloaded and broken API servers do. */
let folder: string
let servers: Server[] = []
let transport: Transport | undefined
const signal = new AbortController().signal

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-transport-'))
})
afterEach(async () => {
  transport?.close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  }
  rmSync(folder, { recursive: true })
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(...urls: readonly string[]): Transport {
  const kubeconfig = join(folder, 'kubeconfig')
  const cluster = { server: urls[0], 'insecure-skip-tls-verify': true }
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'c', user: { token: 'our-own-token' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
  }
  writeFileSync(kubeconfig, JSON.stringify(config))
  transport = openTransport({ kubeconfig, servers: urls, timeoutMs: 500 })
  return transport
}

const json =
  (status: number, body: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
const get = (through: Transport) => through.send('GET', '/x', { signal })
async function lines(through: Transport, most = Number.POSITIVE_INFINITY): Promise<unknown[]> {
  const seen: unknown[] = []
  for await (const line of through.lines('/x', signal)) {
    seen.push(line)
    if (seen.length >= most) break
  }
  return seen
}

test('asks with its own credentials, and reads the answer', async () => {
  let seen = ''
  const url = await serve((request, response) => {
    seen = `${request.method} ${request.url} ${request.headers.authorization}`
    json(201, { kind: 'Secret' })(request, response)
  })
  expect(await open(url).send('POST', '/a?b=c', { body: {}, signal })).toEqual({
    status: 201,
    body: { kind: 'Secret' },
  })
  expect(seen).toBe('POST /a?b=c Bearer our-own-token')
})

test.each<[string, RequestListener]>([
  ['is gone', (request) => request.socket.destroy()],
  ['is overloaded', json(429, { reason: 'TooManyRequests' })],
  ['starts', json(503, {})],
  ['stands behind a proxy with a page', (_request, response) => response.writeHead(502).end('<p>')],
  ['never answers', () => {}],
])(
  'a server that %s: the next one is asked, and stays the first to be asked',
  async (_name, broken) => {
    let asked = 0
    const first = await serve((request, response) => {
      asked += 1
      broken(request, response)
    })
    const second = await serve(json(200, { which: 2 }))
    const through = open(first, second)
    expect(await get(through)).toMatchObject({ body: { which: 2 } })
    expect(await get(through)).toMatchObject({ body: { which: 2 } })
    expect(asked).toBe(1)
  },
)

test('none answers: unreachable', async () => {
  const through = open(await serve(json(503, {})), await serve(json(500, {})))
  await expect(get(through)).rejects.toMatchObject({ name: 'ClusterError', kind: 'unreachable' })
})

test('a refusal is told in the words of the server, and nobody else is asked', async () => {
  let others = 0
  const refusing = await serve(json(403, { message: 'secrets is forbidden' }))
  const other = await serve(() => (others += 1))
  const refused = get(open(refusing, other))
  await expect(refused).rejects.toMatchObject({ kind: 'refused', message: /secrets is forbidden/ })
  expect(others).toBe(0)
})

test('what the server repeats of a body that it did not like is not told', async () => {
  const url = await serve(json(500, { reason: 'Broken', message: 'secret 0123456789abcdef' }))
  const failed = await get(open(url)).catch((error: unknown) => error)
  expect(String(failed)).not.toContain('0123456789abcdef')
})

test('lines, however they are cut', async () => {
  const text = `${JSON.stringify({ a: 'ä' })}\n\n${JSON.stringify({ b: 2 })}\n{"c":`
  const url = await serve((_request, response) => {
    for (const octet of Buffer.from(text)) response.write(Uint8Array.of(octet))
    response.end()
  })
  expect(await lines(open(url))).toEqual([{ a: 'ä' }, { b: 2 }])
})

test('a line that is not JSON, and a connection that breaks', async () => {
  const rubbish = await serve((_request, response) => response.end('hello\n'))
  await expect(lines(open(rubbish))).rejects.toMatchObject({ kind: 'unexpected' })
  const broken = await serve((_request, response) => {
    response.write('{}\n', () => response.destroy())
  })
  await expect(lines(open(broken))).rejects.toMatchObject({ kind: 'unreachable' })
})

test('a watch of a version that is too old', async () => {
  const url = await serve(json(410, { reason: 'Expired' }))
  await expect(lines(open(url))).rejects.toMatchObject({ kind: 'expired' })
})

test('whoever stops reading lets the connection go', async () => {
  let closed: () => void = () => {}
  const ended = new Promise<void>((resolve) => (closed = resolve))
  const url = await serve((request, response) => {
    request.socket.on('close', closed)
    response.write('{}\n')
  })
  expect(await lines(open(url), 1)).toEqual([{}])
  await ended
})

test('a watch stops when it is told to', async () => {
  const url = await serve((_request, response) => response.write('{}\n'))
  const stopping = new AbortController()
  const watching = (async () => {
    for await (const _line of open(url).lines('/x', stopping.signal)) stopping.abort()
  })()
  await expect(watching).rejects.toMatchObject({ name: 'AbortError' })
})

test('what is wrong with the way to the cluster is said with its key', () => {
  expect(() => openTransport({ kubeconfig: '/nowhere/kubeconfig' })).toThrow(
    /^cluster\.kubeconfig \/nowhere\/kubeconfig: /,
  )
  expect(() => openTransport({})).toThrow(/^cluster\.kubeconfig is missing, and this is no pod/)
})
