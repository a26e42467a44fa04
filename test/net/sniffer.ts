import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeDhcp, type DhcpMessage } from '../../src/wire/dhcp.ts'
import { type Datagram, udpDatagrams } from '../golden/pcap.ts'
import type { Lab, Namespace } from './lab.ts'
import { tool } from './lab-tools.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface SniffedDhcp extends Datagram {
  readonly message: DhcpMessage
}

export interface Sniffer {
  /** Ends the capture and gives what was on the wire. */
  readonly stop: () => Promise<readonly SniffedDhcp[]>
}

/** Captures the DHCP on one device, from when this resolves. */
export async function sniffDhcp(lab: Lab, ns: Namespace, device: string): Promise<Sniffer> {
  const file = join(temporaryFolder(lab), 'dhcp.pcap')
  const tcpdump = ns.start('tcpdump', [
    ...[tool('tcpdump'), '-i', device, '-n', '--immediate-mode', '-U', '-Z', 'root', '-w', file],
    ...['udp', 'and', '(', 'port', '67', 'or', 'port', '68', ')'],
  ])
  await tcpdump.waitFor(/listening on/, 20)
  return {
    stop: async () => {
      await tcpdump.stop('SIGINT')
      return udpDatagrams(readFileSync(file)).map((datagram) => ({
        ...datagram,
        message: decodeDhcp(datagram.payload),
      }))
    },
  }
}
