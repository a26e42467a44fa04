import type { RemoteInfo } from 'node:dgram'
import type { Logger } from 'pino'
import type { BootFiles } from '../core/boot-file.ts'
import { decideDhcp } from '../core/dhcp.ts'
import type { DhcpDecision } from '../core/dhcp-outcome.ts'
import type { Destination } from '../core/dhcp-reply.ts'
import type { Store } from '../store/store.ts'
import { bootId } from '../values/ids.ts'
import { formatIpv4, parseIpv4, type Ipv4Network } from '../values/ipv4.ts'
import { must } from '../values/parse.ts'
import type { EpochMs } from '../values/time.ts'
import { option, readLeniently } from '../wire/dhcp-options.ts'
import {
  DhcpDecodeError,
  decodeDhcp,
  encodeDhcp,
  largestReply,
  type DhcpMessage,
} from '../wire/dhcp.ts'
import { DhcpSocket } from './dhcp-socket.ts'
import type { Metrics } from './metrics.ts'
import { RateLimit } from './rate-limit.ts'
import type { Segment } from './segments.ts'
import type { Strangers } from './strangers.ts'

export interface DhcpServerOptions {
  readonly segment: Segment
  /** 67 in earnest; 0 picks a free one. */
  readonly port: number
  readonly httpUrl: string
  /** Whose word counts on where a machine is plugged in; all, if it is not said. */
  readonly relays?: readonly Ipv4Network[] | undefined
  readonly bootFiles: BootFiles
  readonly store: Store
  readonly clock: () => EpochMs
  readonly random: (bytes: number) => Uint8Array
  readonly strangers: Strangers
  readonly metrics: Metrics
  readonly log: Logger
}

export interface DhcpServer {
  readonly port: number
  stop(): Promise<void>
}

const clientPort = 68
/** No client sends more than an Ethernet frame holds; what is longer was made to keep us busy. */
const largestRequest = 4096

/** Receive, decode, decide, commit, encode, send. The reply leaves after its change is durable. */
export async function startDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const { segment, store, clock, random, strangers, metrics, log } = options
  const server = must(parseIpv4(segment.address))
  const underway = new Set<Promise<void>>()
  const strangerLines = new RateLimit(20)
  const failureLines = new RateLimit(20)
  const exhaustedLines = new RateLimit(5)

  async function serve(bytes: Uint8Array, from: RemoteInfo): Promise<void> {
    metrics.dhcpReceived.inc()
    const now = clock()
    if (bytes.length > largestRequest) {
      metrics.dhcpFailed.inc({ reason: 'oversized' })
      return
    }
    const message = decodeDhcp(bytes)
    const context = {
      server,
      ...sourceOf(from),
      ...(options.relays && { relays: options.relays }),
      httpUrl: options.httpUrl,
      bootFiles: options.bootFiles,
      freshBoot: bootId(now, random(10)),
    }
    const decision = await store.update((facts) => {
      const result = decideDhcp(message, context, facts, now)
      return { changes: result.changes, result }
    })
    metrics.commitSeconds.observe((clock() - now) / 1000)
    if (decision.stranger) notice(decision.stranger, decision, now)
    if (decision.kind === 'silence') {
      metrics.dhcpSilent.inc({ reason: decision.reason })
      if (decision.reason === 'no-address' && exhaustedLines.pass(now) !== undefined) {
        log.warn(`a pool is used up: no address for ${mac(message)}; see 'rollcall lease list'`)
      }
      return
    }
    const { reply, to, type } = decision
    const maxSize = largestReply(readLeniently(option.maxMessageSize, message.options))
    await socket.send(encodeDhcp(reply, { maxSize }), endpoint(to, from))
    metrics.dhcpSent.inc({ type })
    log.debug({ type, mac: mac(reply), address: formatIpv4(reply.yiaddr) }, 'DHCP reply')
  }

  function notice(
    { client, subnet }: NonNullable<DhcpDecision['stranger']>,
    decision: DhcpDecision,
    now: EpochMs,
  ): void {
    const { mac, kind, arch } = client
    const address = decision.kind === 'reply' ? decision.reply.yiaddr : undefined
    const sighting = {
      mac,
      kind,
      subnet: subnet.name,
      ...(arch === undefined ? {} : { arch }),
      ...(address === undefined ? {} : { address }),
    }
    if (!strangers.saw(sighting, now)) return
    const held = strangerLines.pass(now)
    if (held === undefined) return
    const more = held > 0 ? ` (and ${held} others since the last such line)` : ''
    log.info({ mac, subnet: subnet.name }, `${mac} is not in the inventory${more}`)
  }

  /** Off port 67 there are no well-known client ports: answers go back to where they came from. */
  function endpoint(to: Destination, from: RemoteInfo): { address: string; port: number } {
    const { port } = socket
    const wellKnown = port === 67
    switch (to.kind) {
      case 'relay':
        return { address: formatIpv4(to.address), port }
      case 'client':
        return { address: formatIpv4(to.address), port: wellKnown ? clientPort : from.port }
      case 'segment':
        return segment.interface === 'lo'
          ? { address: from.address, port: from.port }
          : { address: '255.255.255.255', port: wellKnown ? clientPort : from.port }
    }
  }

  function receive(bytes: Uint8Array, from: RemoteInfo): void {
    const task = serve(bytes, from).catch((error: unknown) => {
      const malformed = error instanceof DhcpDecodeError
      metrics.dhcpFailed.inc({ reason: malformed ? 'malformed' : failureName(error) })
      // Anybody can send rubbish: it is counted, and shown to those who look for it.
      if (malformed) log.debug({ from: from.address, field: error.field }, error.message)
      else if (failureLines.pass(clock()) !== undefined) {
        log.error({ err: error, from: from.address }, 'a DHCP message could not be served')
      }
    })
    underway.add(task)
    void task.finally(() => underway.delete(task))
  }

  const socket = await DhcpSocket.open(segment, options.port, receive, log)
  return {
    port: socket.port,
    async stop() {
      socket.deafen()
      await Promise.all(underway)
      await socket.close()
    },
  }
}

function sourceOf({ address }: RemoteInfo) {
  const source = parseIpv4(address)
  return source.ok ? { source: source.value } : {}
}

const failureName = (error: unknown): string => (error instanceof Error ? error.name : 'unknown')

const mac = ({ chaddr }: DhcpMessage): string =>
  Buffer.from(chaddr)
    .toString('hex')
    .replaceAll(/(..)(?=.)/g, '$1:')
