/**
 * Feeds the DHCP codec with captures that have faults put in, and with octets that mean nothing.
 *
 *     node test/fuzz/dhcp.fuzz.ts [runs = 100000] [seed]
 *
 * Ends with 1 and prints the seed and the packet if anything but DhcpDecodeError comes out of
 * decoding, or if a decoded message is another one after encoding and decoding it again.
 */
import * as fc from 'fast-check'
import { dhcpPackets } from '../golden/captures.ts'
import { dhcpFault, hex, mutated, mutations } from '../wire/dhcp-messages.ts'

const numRuns = Number(process.argv[2] ?? 100_000)
const seed = Number(process.argv[3] ?? Date.now() % 0x7fffffff)

const packets = fc.oneof(
  fc
    .tuple(fc.constantFrom(...dhcpPackets.map(({ bytes }) => bytes)), mutations)
    .map(([bytes, changes]) => mutated(bytes, changes)),
  fc.uint8Array({ maxLength: 1500, size: 'max' }),
)

const result = fc.check(
  fc.property(packets, (bytes) => dhcpFault(bytes) === undefined),
  { numRuns, seed },
)

if (result.failed) {
  const [bytes] = result.counterexample ?? []
  console.error(
    `seed ${seed}: ${bytes ? `${dhcpFault(bytes)}\n${hex(bytes)}` : 'no counterexample'}`,
  )
  process.exitCode = 1
} else {
  console.log(`${result.numRuns} packets, seed ${seed}: no fault`)
}
