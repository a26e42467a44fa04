import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { startHttpListener, type HttpListenerOptions } from '../../src/serve/http-listener.ts'

async function listening(app: Hono, options: Partial<HttpListenerOptions> = {}) {
  const listener = await startHttpListener({ app, address: '127.0.0.1', port: 0, ...options })
  onTestFinished(() => listener.stop({ drainMs: 0 }))
  return listener
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

async function untilClosed(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (bytes) => (text += String(bytes)))
  socket.on('error', () => undefined)
  await once(socket, 'close')
  return text
}

const hello = new Hono().get('/', (c) => c.text('hello'))

test('serves, and says where', async () => {
  const { address, port } = await listening(hello)
  expect(address).toBe('127.0.0.1')
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello')
})

test('a port that is taken', async () => {
  const { port } = await listening(hello)
  await expect(startHttpListener({ app: hello, address: '127.0.0.1', port })).rejects.toMatchObject(
    { code: 'EADDRINUSE' },
  )
})

test('stopping lets an answer end, and takes nothing new', async () => {
  let finish = (): void => undefined
  let asked = (): void => undefined
  const begun = new Promise<void>((resolve) => (asked = resolve))
  const gate = new Promise<void>((resolve) => (finish = resolve))
  const app = new Hono().get('/', async (c) => {
    asked()
    await gate
    return c.text('late, but whole')
  })
  const { port, stop } = await listening(app)
  const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())
  await begun
  const stopped = stop()
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed')
  finish()
  expect(await answer).toBe('late, but whole')
  await stopped
})

test('stopping does not wait for ever, not even twice', async () => {
  const never = new Hono().get('/', () => new Promise<Response>(() => undefined))
  const { port, stop, connections } = await listening(never)
  const socket = await dial(port)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const closed = untilClosed(socket)
  expect(await connections()).toBe(1)
  await Promise.all([stop({ drainMs: 10 }), stop()])
  expect(await closed).toBe('')
})

test('who never finishes its request is cut off', async () => {
  const { port } = await listening(hello, { headersTimeout: 50, requestTimeout: 100 })
  const socket = await dial(port)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 408 /)
})

test('who says nothing is cut off', async () => {
  const { port } = await listening(hello, { idleTimeout: 50 })
  expect(await untilClosed(await dial(port))).toBe('')
})

test('connections beyond the limit are closed', async () => {
  const { port } = await listening(hello, { maxConnections: 1 })
  const first = await dial(port)
  const second = connect(port, '127.0.0.1')
  expect(await untilClosed(second)).toBe('')
  first.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  expect(await untilClosed(first)).toContain('hello')
})
