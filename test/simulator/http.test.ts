import { createHash } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { askHttp, fetchHttp, type HttpAsk, HttpFailure } from '../../src/simulator/http.ts'

let server: Server

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

async function asking(listener: RequestListener): Promise<HttpAsk> {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const signal = new AbortController().signal
  return { url: `http://127.0.0.1:${port}/a`, from: '127.77.0.9', headers: {}, signal }
}

test('speaks from the address that it is given', async () => {
  const ask = await asking((request, response) => response.end(request.socket.remoteAddress))
  expect((await fetchHttp(ask)).head.toString()).toBe('127.77.0.9')
})

test('sends its headers, and a Host of its own where it has one', async () => {
  const ask = await asking((request, response) => response.end(JSON.stringify(request.rawHeaders)))
  const headers = { Host: '192.0.2.1', 'User-Agent': 'x' }
  const { head } = await fetchHttp({ ...ask, headers })
  expect(JSON.parse(head.toString())).toEqual([
    ...['Host', '192.0.2.1', 'User-Agent', 'x', 'Connection', 'close'],
  ])
})

test('keeps the digest of all and the beginning', async () => {
  const body = Buffer.alloc(200_000, 'abc')
  const ask = await asking((_, response) => response.end(body))
  const pieces: Buffer[] = []
  const answer = await fetchHttp({ ...ask, onPiece: (piece) => pieces.push(piece) })
  expect(answer).toMatchObject({
    size: 200_000,
    sha256: createHash('sha256').update(body).digest('hex'),
  })
  expect(answer.head.equals(body.subarray(0, 65_536))).toBe(true)
  expect(Buffer.concat(pieces).equals(body)).toBe(true)
})

test('another status than 200 is a failure, with its Retry-After', async () => {
  const ask = await asking((_, response) => response.writeHead(503, { 'Retry-After': '7' }).end())
  expect((await askHttp(ask)).status).toBe(503)
  const failure = await fetchHttp(ask).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(HttpFailure)
  expect(failure).toMatchObject({ status: 503, retryAfter: 7 })
})

test.each<[string, RequestListener]>([
  ['broken off before the answer', (_, response) => response.destroy()],
  [
    'broken off within the body',
    (_, response) => {
      response.writeHead(200, { 'Content-Length': '10' }).write('abc', () => response.destroy())
    },
  ],
  ['silent', () => {}],
])('%s is a failure', async (_name, listener) => {
  const ask = await asking(listener)
  await expect(fetchHttp({ ...ask, idleMs: 100 })).rejects.toThrow(HttpFailure)
})

test('a plug that is pulled is none', async () => {
  const plug = new AbortController()
  const ask = await asking(() => plug.abort())
  await expect(fetchHttp({ ...ask, signal: plug.signal })).rejects.toThrow('aborted')
})
