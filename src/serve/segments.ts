import { readdirSync } from 'node:fs'
import { accepted, refused, type Parsed } from '../values/parse.ts'
import { interfaceAddress, LibcError } from './libc.ts'

/** An interface of this host on which machines live. */
export interface Segment {
  /** `lo` is a segment like any other, but for what it cannot do: broadcast. */
  readonly interface: string
  /** Its first IPv4 address, in dotted form. */
  readonly address: string
}

/** Finds the interface's address; what is wrong with it is said in words that name it. */
export function findSegment(name: string): Parsed<Segment> {
  try {
    return accepted({ interface: name, address: interfaceAddress(name) })
  } catch (error) {
    if (!(error instanceof LibcError)) throw error
    if (error.code === 'ENODEV') {
      const others = readdirSync('/sys/class/net').join(', ')
      return refused(`there is no interface ${name}; this host has ${others}`)
    }
    if (error.code === 'EADDRNOTAVAIL') {
      return refused(
        `interface ${name} has no IPv4 address; give it one in the machines' subnet ` +
          `(ip address add … dev ${name})`,
      )
    }
    return refused(`interface ${name}: ${error.code}`)
  }
}
