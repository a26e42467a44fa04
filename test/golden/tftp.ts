import { decodeTftp, type TftpMessage, type TftpRequest } from '../../src/wire/tftp.ts'
import { captures } from './captures.ts'
import type { Datagram } from './pcap.ts'

interface TftpPacket {
  readonly by: 'client' | 'server'
  readonly datagram: Datagram
  readonly message: TftpMessage
}

/** A request and all that its client sent and got afterwards. The captures leave out DATA. */
export interface TftpExchange {
  readonly capture: string
  readonly request: TftpRequest
  readonly packets: readonly TftpPacket[]
}

/** What real firmware and iPXE asked of a working TFTP server, in the order of the captures. */
export const tftpExchanges: readonly TftpExchange[] = captures.flatMap(({ name, datagrams }) =>
  datagrams
    .filter(({ toPort }) => toPort === 69)
    .map((opening) => {
      const request = decodeTftp(opening.payload)
      if (request.op !== 'rrq') throw new Error(`${name}: a machine sent ${request.op}`)
      return { capture: name, request, packets: packetsOf(opening, datagrams) }
    }),
)

function packetsOf({ from, fromPort }: Datagram, all: readonly Datagram[]): TftpPacket[] {
  return all.flatMap((datagram) => {
    const sent = datagram.from === from && datagram.fromPort === fromPort
    const got = datagram.to === from && datagram.toPort === fromPort
    if (!sent && !got) return []
    return [{ by: sent ? 'client' : 'server', datagram, message: decodeTftp(datagram.payload) }]
  })
}
