import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab, Namespace } from './lab.ts'
import type { Running } from './lab-process.ts'
import { tool } from './lab-tools.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** What a client says that it was given. What it was not given is ''. */
export interface ClientLease {
  readonly address: string
  readonly mask: string
  readonly router: string
  /** In the server's order, with a space between two. */
  readonly dns: string
  readonly domain: string
  readonly hostname: string
  readonly server: string
  readonly seconds: string
}

/** A real DHCP client at work on eth0 of its namespace. */
export interface WorkingClient {
  readonly process: Running
  readonly bound: () => Promise<ClientLease>
  readonly renewed: () => Promise<ClientLease>
  /** Gives the address back. */
  readonly release: () => Promise<void>
}

export interface ClientOptions {
  /** Option 61, as hex octets. Without it the client has its own way: none, or its MAC. */
  readonly clientId?: readonly string[]
  /** A folder in which the client finds what it knew in its last life. Without it, it knows nothing. */
  readonly memory?: string
  /** End when nobody answers, instead of asking for ever. */
  readonly once?: boolean
}

export interface DhcpClient {
  readonly name: string
  /** What its log says when it asks the server that it has the lease from, and nobody else. */
  readonly asksItsServer: (server: string, address: string) => RegExp
  /** What its log says when it gives up. */
  readonly foundNobody: RegExp
  readonly start: (lab: Lab, ns: Namespace, options?: ClientOptions) => WorkingClient
}

/** Long enough for a machine that runs virtual machines beside this. */
const patience = 30

/** ISC's. */
export const dhclient: DhcpClient = {
  name: 'dhclient',
  asksItsServer: (server, address) =>
    new RegExp(`DHCPREQUEST for ${literal(address)} on eth0 to ${literal(server)} port 67`),
  foundNobody: /No DHCPOFFERS received/,
  start(lab, ns, { clientId, memory, once = false } = {}) {
    const folder = memory ?? temporaryFolder(lab)
    const config = join(folder, 'dhclient.conf')
    writeFileSync(
      config,
      `timeout ${once ? 4 : 60}; retry 1; initial-interval 1; backoff-cutoff 2;\n` +
        (clientId === undefined ? '' : `send dhcp-client-identifier ${clientId.join(':')};\n`),
    )
    const script = writeScript(folder, 'dhclient', {
      reason: 'reason',
      address: 'new_ip_address',
      mask: 'new_subnet_mask',
      router: 'new_routers',
      dns: 'new_domain_name_servers',
      domain: 'new_domain_name',
      hostname: 'new_host_name',
      server: 'new_dhcp_server_identifier',
      seconds: 'new_dhcp_lease_time',
    })
    const argv = [
      ...[tool('dhclient'), '-4', '-d', '-v', '-cf', config, '-sf', script],
      ...['-lf', join(folder, 'leases'), '-pf', join(folder, 'pid')],
    ]
    const process = ns.start('dhclient', [...argv, ...(once ? ['-1'] : []), 'eth0'])
    return {
      process,
      bound: async () => {
        const lease = await told(process, '(?:BOUND|REBOOT)')
        // It says so when its memory is written, which is after its script has run.
        await process.waitFor(/bound to/, patience)
        return lease
      },
      renewed: () => told(process, 'RENEW'),
      release: async () => {
        await ns.exec([...argv, '-r', 'eth0'])
        await process.exited
      },
    }
  },
}

/** Busybox's. Looks with ARP whether its new address is free. */
export const udhcpc: DhcpClient = {
  name: 'udhcpc',
  asksItsServer: (server) => new RegExp(`sending renew to server ${literal(server)}`),
  foundNobody: /no lease, failing/,
  start(lab, ns, { clientId, once = false } = {}) {
    const script = writeScript(temporaryFolder(lab), 'udhcpc', {
      reason: '1',
      address: 'ip',
      mask: 'subnet',
      router: 'router',
      dns: 'dns',
      domain: 'domain',
      hostname: 'hostname',
      server: 'serverid',
      seconds: 'lease',
    })
    const working = ns.start('udhcpc', [
      ...[tool('udhcpc'), '-f', '-i', 'eth0', '-s', script, '-O', 'hostname', '-T', '1'],
      // Half a second for its look around before it takes an address, one second after it refused one.
      ...['-a500', '-A', '1', ...(once ? ['-n', '-t', '3'] : ['-t', '30'])],
      ...(clientId === undefined ? [] : ['-C', '-x', `0x3d:${clientId.join('')}`]),
    ])
    return {
      process: working,
      bound: () => told(working, 'bound'),
      renewed: () => told(working, 'renew'),
      release: async () => {
        process.kill(working.pid, 'SIGUSR2')
        await working.waitFor(/entering released state/, patience)
      },
    }
  },
}

/** Two lines of code that have nothing in common. */
export const dhcpClients: readonly DhcpClient[] = [dhclient, udhcpc]

/** Each client calls what it was given by other names. */
type Spelling = Readonly<Record<'reason' | keyof ClientLease, string>>

/**
 * The script that a client runs at each event: it sets the address and the route in the client's
 * namespace, and says on the client's own output what it was told. The distribution's scripts would
 * write this host's resolv.conf.
 */
function writeScript(folder: string, name: string, of: Spelling): string {
  const path = join(folder, `${name}-script`)
  const fields = leaseFields.map((field) => `\${${of[field]}}`).join('|')
  const [address, mask, router] = [of.address, of.mask, of.router]
  const text = `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
case "\${${of.reason}}" in
  BOUND|REBOOT|RENEW|REBIND|bound|renew)
    ip -4 address replace "$${address}/$${mask}" dev "$interface"
    [ -z "$${router}" ] || ip -4 route replace default via "$${router}"
    ;;
  EXPIRE|FAIL|RELEASE|deconfig)
    ip -4 address flush dev "$interface"
    ;;
esac
echo "told \${${of.reason}}|${fields}|"
`
  writeFileSync(path, text, { mode: 0o755 })
  return path
}

const leaseFields = [
  'address',
  'mask',
  'router',
  'dns',
  'domain',
  'hostname',
  'server',
  'seconds',
] as const satisfies readonly (keyof ClientLease)[]

async function told(client: Running, reason: string): Promise<ClientLease> {
  // Not anchored: a client's log may be in the middle of a line.
  const fields = leaseFields.map((field) => `(?<${field}>[^|\\n]*)\\|`).join('')
  const found = await client.waitFor(new RegExp(`told ${reason}\\|${fields}`), patience)
  return { ...found.groups } as unknown as ClientLease
}

const literal = (address: string): string => address.replaceAll('.', '\\.')
