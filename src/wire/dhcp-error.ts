/**
 * The only thing that decoding throws. `field` is what was being read ('hlen', 'options',
 * 'option 51 (IP Address Lease Time)'); `offset` counts octets from the start of the packet, or from
 * the start of the option's value where `field` names an option: an option may have come in pieces.
 */
export class DhcpDecodeError extends Error {
  override readonly name = 'DhcpDecodeError'
  readonly offset: number
  readonly field: string

  constructor(offset: number, field: string, problem: string) {
    super(`${field} at ${offset}: ${problem}`)
    this.offset = offset
    this.field = field
  }
}

/** The only thing that encoding throws: a value that its field cannot carry, or too many of them. */
export class DhcpEncodeError extends Error {
  override readonly name = 'DhcpEncodeError'
  readonly field: string

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`)
    this.field = field
  }
}
