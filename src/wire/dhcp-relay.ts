import { type Ipv4 } from '../values/ipv4.ts'
import { type OptionCodec, address, codec } from './dhcp-codec.ts'
import { readSubOptions, type SubOptions, writeSubOptions } from './dhcp-encapsulated.ts'
import { DhcpDecodeError } from './dhcp-error.ts'

/**
 * What a relay adds to a client's packet (option 82, RFC 3046). `raw` is what must go back to it,
 * octet for octet; the rest is read out of it and says where the client is plugged in.
 */
export interface RelayAgent {
  readonly raw: Uint8Array
  readonly subOptions: SubOptions
  /** Sub-option 1 (RFC 3046 3.1): the relay's port, in the relay's own coding. */
  readonly circuitId?: Uint8Array
  /** Sub-option 2 (RFC 3046 3.2): who is at the far end, in the relay's own coding. */
  readonly remoteId?: Uint8Array
  /** Sub-option 5 (RFC 3527): an address in the client's subnet, where giaddr is in another. */
  readonly linkSelection?: Ipv4
  /** Sub-option 11 (RFC 5107): what the client shall take for the server's identifier (option 54). */
  readonly serverIdentifierOverride?: Ipv4
}

const field = 'option 82 (Relay Agent Information)'
const form = { padAndEnd: false }

/** Takes the option apart. @throws DhcpDecodeError */
function relayAgentFromBytes(raw: Uint8Array): RelayAgent {
  const subOptions = readSubOptions(raw, field, form)
  const circuitId = subOptions.get(1)
  const remoteId = subOptions.get(2)
  const linkSelection = addressIn(subOptions, 5)
  const serverIdentifierOverride = addressIn(subOptions, 11)
  return {
    raw,
    subOptions,
    ...(circuitId && { circuitId }),
    ...(remoteId && { remoteId }),
    ...(linkSelection !== undefined && { linkSelection }),
    ...(serverIdentifierOverride !== undefined && { serverIdentifierOverride }),
  }
}

/** Option 82 as a relay makes it. @throws DhcpEncodeError */
export const relayAgentOf = (
  ...subOptions: readonly (readonly [number, Uint8Array])[]
): RelayAgent => relayAgentFromBytes(writeSubOptions(subOptions, field, form))

/** Writes `raw`, so that an echo is exact whatever else was in it. */
export const relayAgent: OptionCodec<RelayAgent> = codec(82, {
  decode: relayAgentFromBytes,
  encode: (agent) => agent.raw,
})

function addressIn(subOptions: SubOptions, code: number): Ipv4 | undefined {
  const bytes = subOptions.get(code)
  if (bytes === undefined) return undefined
  return address.decode(bytes, (problem, offset = 0) => {
    throw new DhcpDecodeError(offset, `${field} sub-option ${code}`, problem)
  })
}
