import { createSocket } from 'node:dgram'

/**
 * A DISCOVER that says it is iPXE on somebody's NIC, sent by a program on a running system: from
 * whatever address the system has, to the server's port 67.
 *   argv: server, MAC, giaddr
 */
const [, , server = '', mac = '', giaddr = '0.0.0.0'] = process.argv
const packet = Buffer.alloc(236)
packet.set([1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78]) // op, htype, hlen, hops, xid
packet.set(giaddr.split('.').map(Number), 24)
packet.set(Buffer.from(mac.replaceAll(':', ''), 'hex'), 28)
const vendorClass = Buffer.from('PXEClient:Arch:00000:UNDI:002001')
const message = Buffer.concat([
  packet,
  Buffer.from([99, 130, 83, 99, 53, 1, 1]), // the magic cookie; DISCOVER
  Buffer.from([60, vendorClass.length]),
  vendorClass,
  Buffer.from([77, 4]),
  Buffer.from('iPXE'),
  Buffer.from([93, 2, 0, 0, 255]),
])
const socket = createSocket('udp4')
socket.send(message, 67, server, () => socket.close())
