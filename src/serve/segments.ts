import { networkInterfaces } from 'node:os'
import type { Segment } from './dhcp-socket.ts'

/** Finds each named interface's first IPv4 address. @throws Error that names the interface */
export function findSegments(names: readonly string[]): readonly Segment[] {
  const all = networkInterfaces()
  return names.map((name) => {
    const found = all[name]
    if (found === undefined) {
      const others = Object.keys(all).join(', ')
      throw new Error(`there is no interface ${name} with an address; this host has ${others}`)
    }
    const ipv4 = found.find(({ family }) => family === 'IPv4')
    if (ipv4 === undefined) {
      throw new Error(`interface ${name} has no IPv4 address; give it one in the machines' subnet`)
    }
    return { interface: name, address: ipv4.address }
  })
}
