import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { openSocket, send, senderOf } from '../../src/serve/tftp-socket.ts'
import { encodeTftp } from '../../src/wire/tftp.ts'
import { ack, error, readRequest } from '../core/tftp-scene.ts'
import { ip } from '../support/inventory.ts'
import { Hand, serve } from './tftp-hand.ts'

/** RFC 768 lets a source port be 0; only a raw socket can make it so, hence the packets at the seam. */

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const from = (port: number): RemoteInfo => ({ address: '127.0.0.1', family: 'IPv4', port, size: 0 })

/** A server whose sockets the test can reach, in the order of their opening: listener, refusals, … */
async function reached() {
  const sockets: Socket[] = []
  const drops: string[] = []
  const served = await serve(
    { file: Buffer.alloc(2000) },
    {
      onDrop: (reason) => drops.push(reason),
      open: async (...where) => {
        const socket = await openSocket(...where)
        sockets.push(socket)
        return socket
      },
    },
  )
  closing.push(() => served.server.stop({ drainMs: 0 }))
  const client = await Hand.open()
  closing.push(() => client.close())
  return { ...served, sockets, drops, client }
}

test.each([readRequest(), readRequest({}, 'nothing'), ack(1)])(
  'a packet from port 0 to the listening port is dropped: $op $file',
  async (message) => {
    const { server, sockets, drops, events, client } = await reached()
    sockets[0]?.emit('message', encodeTftp(message), from(0))
    expect(drops).toEqual(['malformed'])
    expect(server.drops).toMatchObject({ malformed: 1, unsent: 0 })
    expect(events).toEqual([])
    client.say(server.port, readRequest())
    expect(await client.hears()).toMatchObject({ message: { op: 'data', block: 1 } })
  },
)

test('a stranger at port 0 is not turned away, and the transfer goes on', async () => {
  const { server, sockets, drops, client, ended } = await reached()
  client.say(server.port, readRequest())
  const { port } = await client.hears()
  sockets[2]?.emit('message', encodeTftp(ack(1)), from(0))
  expect(drops).toEqual(['strangers'])
  for (const block of [1, 2, 3, 4]) client.say(port, ack(block))
  await ended('completed')
  expect(server.drops.unsent).toBe(0)
})

test('there is nobody to answer at port 0', () => {
  expect(senderOf(from(0))).toBeUndefined()
  expect(senderOf(from(1))).toEqual({ address: ip('127.0.0.1'), port: 1 })
})

test('a packet that the system refuses to send is lost, and told so', async () => {
  const socket = await openSocket('127.0.0.1', 0)
  closing.push(() => socket.close())
  const lost = Promise.withResolvers<string>()
  // Without SO_BROADCAST, connect and send fail with EACCES; from loopback, with EINVAL or ENETUNREACH.
  send(socket, error(0), { address: ip('255.255.255.255'), port: 9 }, () => lost.resolve('lost'))
  expect(await lost.promise).toBe('lost')
})

test.each([0, 65_536, 9])('no send throws: port %i, on a socket that is closed', async (port) => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.close()
  let lost = 0
  send(socket, error(0), { address: ip('127.0.0.1'), port }, () => (lost += 1))
  expect(lost).toBe(1)
})

test('no send throws: port 0', async () => {
  const socket = await openSocket('127.0.0.1', 0)
  closing.push(() => socket.close())
  let lost = 0
  send(socket, error(0), { address: ip('127.0.0.1'), port: 0 }, () => (lost += 1))
  expect(lost).toBe(1)
})
