/**
 * Speaks for a machine whose firmware was captured, from within its namespace, octet for octet:
 *   node replay.ts dhcp [quiet:]HEX…   sends each packet from 0.0.0.0:68 as a broadcast and waits for
 *                                      a reply, after `quiet:` for none; prints `reply HEX` for each
 *   node replay.ts tftp LOCAL PORT SERVER RRQ-HEX ACK-HEX…
 *                                      reads a file; prints `oack HEX`, at the end `file SIZE SHA256`
 */
import { createHash } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')
const opcode = { data: 3, error: 5, oack: 6 }

const [mode, ...rest] = process.argv.slice(2)
const giveUp = setTimeout(() => {
  console.error('no answer in 20 s')
  process.exit(1)
}, 20_000)
if (mode === 'dhcp') await dhcp(rest)
else await tftp(rest)
clearTimeout(giveUp)

async function dhcp(packets: readonly string[]): Promise<void> {
  const socket = await bound('0.0.0.0', 68)
  socket.setBroadcast(true)
  for (const packet of packets) {
    const quiet = packet.startsWith('quiet:')
    const reply = quiet ? undefined : once(socket, 'message')
    socket.send(bytes(packet.replace('quiet:', '')), 67, '255.255.255.255')
    if (reply !== undefined) console.log(`reply ${hex((await reply)[0] as Buffer)}`)
  }
  socket.close()
}

/** With the captured ACK of each block; a newer file may be longer than the captured one. */
async function tftp([local = '', port = '', server = '', rrq = '', ...acks]: string[]) {
  const socket = await bound(local, Number(port))
  const captured = new Map(acks.map((ack) => [bytes(ack).readUInt16BE(2), bytes(ack)]))
  const ack = (block: number): Buffer => {
    const made = bytes('00040000')
    made.writeUInt16BE(block, 2)
    return captured.get(block) ?? made
  }
  const blocks = new Map<number, Buffer>()
  let blockSize = 512
  socket.send(bytes(rrq), 69, server)
  for (;;) {
    const [message, from] = (await once(socket, 'message')) as [Buffer, { port: number }]
    const op = message.readUInt16BE(0)
    let block = 0
    if (op === opcode.oack) {
      console.log(`oack ${hex(message)}`)
      blockSize = Number(/blksize\0(\d+)\0/.exec(message.toString('latin1'))?.[1] ?? blockSize)
    } else if (op === opcode.data) {
      block = message.readUInt16BE(2)
      blocks.set(block, message.subarray(4))
    } else {
      throw new Error(`opcode ${op}: ${message.subarray(4).toString('latin1')}`)
    }
    await new Promise((resolve) => socket.send(ack(block), from.port, server, resolve))
    if (op === opcode.data && message.length - 4 < blockSize) break
  }
  socket.close()
  const file = Buffer.concat([...blocks.values()])
  console.log(`file ${file.length} ${createHash('sha256').update(file).digest('hex')}`)
}

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(port, address)
  await once(socket, 'listening')
  return socket
}
