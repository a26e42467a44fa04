import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Datagram, udpDatagrams } from './pcap.ts'

/** Real firmware, iPXE and Linux against a working server; see options-sent-by-client.txt beside them. */
const directory = join(import.meta.dirname, 'captures')

export interface Capture {
  /** Without `.pcap`. */
  readonly name: string
  readonly datagrams: readonly Datagram[]
  /** Those on DHCP's ports: 67, 68, and PXE's 4011. */
  readonly dhcp: readonly Datagram[]
}

const dhcpPorts: ReadonlySet<number> = new Set([67, 68, 4011])

export const captures: readonly Capture[] = readdirSync(directory)
  .filter((file) => file.endsWith('.pcap'))
  .toSorted()
  .map((file) => {
    const datagrams = udpDatagrams(readFileSync(join(directory, file)))
    return {
      name: file.replace('.pcap', ''),
      datagrams,
      dhcp: datagrams.filter(({ fromPort, toPort }) => dhcpPorts.has(fromPort) && dhcpPorts.has(toPort)),
    }
  })

/** Every DHCP packet of every capture, named for a failure's message. */
export const dhcpPackets: readonly { readonly name: string; readonly bytes: Uint8Array }[] =
  captures.flatMap(({ name, dhcp }) =>
    dhcp.map(({ payload }, index) => ({ name: `${name} #${index + 1}`, bytes: payload })),
  )
