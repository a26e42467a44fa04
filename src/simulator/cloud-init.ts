import { parse } from 'yaml'
import type { Power } from './firmware.ts'
import { type HttpAnswer, fetchHttp, HttpFailure } from './http.ts'
import { phoneHome, startReporting } from './cloud-init-report.ts'
import { BootFailure } from './progress.ts'

/** What `ds=nocloud;…` says on a kernel command line. */
export interface NoCloudArgument {
  readonly hostname?: string
  readonly instanceId?: string
  readonly seed?: string
}

/** DataSourceNoCloud.parse_cmdline_data, with its short names. */
export function noCloudArgument(commandLine: string): NoCloudArgument | undefined {
  const word = commandLine.split(/\s+/).findLast((each) => /^ds=nocloud(-net)?(;|$)/.test(each))
  if (word === undefined) return undefined
  const [, ...pairs] = word.split(';')
  const value = new Map(
    pairs.map((pair) => [pair.split('=', 1)[0], pair.slice(pair.indexOf('=') + 1)] as const),
  )
  const hostname = value.get('h') ?? value.get('local-hostname')
  const instanceId = value.get('i') ?? value.get('instance-id')
  const seed = value.get('s') ?? value.get('seedfrom')
  return {
    ...(hostname && { hostname }),
    ...(instanceId && { instanceId }),
    ...(seed && { seed }),
  }
}

type Mapping = Readonly<Record<string, unknown>>

/** In the order of cloud-init 25 (util.read_seeded); what cannot be missing and what can. */
const documents = [
  { name: 'network-config', needed: false },
  { name: 'meta-data', needed: true },
  { name: 'user-data', needed: true },
  { name: 'vendor-data', needed: false },
] as const
type DocumentName = (typeof documents)[number]['name']

/** read_seeded: 10 repetitions a second apart; url_helper: a Retry-After is obeyed for ever. */
const repetitions = 10
const userAgent = 'Cloud-Init/25.2'
const requestHeaders = {
  'User-Agent': userAgent,
  'Accept-Encoding': 'gzip, deflate',
  Accept: '*/*',
  Connection: 'keep-alive',
}

/**
 * The boot's last part: cloud-init takes its seed, sets the hostname, reports.
 * @param from the address that the system holds
 * @throws BootFailure when the datasource is lost, which leaves the machine with `fallback`
 */
export async function runCloudInit(commandLine: string, from: string, power: Power): Promise<void> {
  const { report } = power
  report({ stage: 'cloud-init' })
  const fallback = /(?:^| )systemd\.hostname=(\S+)/.exec(commandLine)?.[1] ?? 'localhost'
  report({ hostname: fallback })
  const argument = noCloudArgument(commandLine)
  if (argument?.seed === undefined) throw new BootFailure('cloud-init: no seed on the command line')
  const { seed } = argument
  report({ seed })

  const found = await readSeed(seed, from, power)
  const seeded = mapping(parse(found.get('meta-data') ?? ''))
  // What the command line says wins over the seed (DataSourceNoCloud._get_data).
  const localHostname = argument.hostname ?? text(seeded['local-hostname'])
  const instanceId = argument.instanceId ?? text(seeded['instance-id']) ?? 'nocloud'
  const config = {
    ...cloudConfig(found.get('vendor-data')),
    ...cloudConfig(found.get('user-data')),
  }
  const names = namesOf(config, localHostname)
  report({ instanceId })

  const context = { from, headers: requestHeaders, power }
  const reporting = startReporting(mapping(config['reporting']), context)
  reporting.stage('init-network')
  report({ hostname: config['prefer_fqdn_over_hostname'] === true ? names.fqdn : names.hostname })
  reporting.stage('modules-config')
  reporting.stage('modules-final')
  const phonedHome = await phoneHome(
    mapping(config['phone_home']),
    { instanceId, ...names },
    context,
  )
  await reporting.flush()
  report(phonedHome === undefined ? { stage: 'up' } : { stage: 'up', phonedHome })
}

async function readSeed(
  seed: string,
  from: string,
  power: Power,
): Promise<ReadonlyMap<DocumentName, string>> {
  const base = seed.endsWith('/') ? seed : `${seed}/`
  const found = new Map<DocumentName, string>()
  for (const { name, needed } of documents) {
    try {
      found.set(name, (await patiently(`${base}${name}`, from, power)).head.toString())
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error
      if (needed) throw new BootFailure(`cloud-init: no datasource: ${error.message}`)
    }
  }
  return found
}

async function patiently(url: string, from: string, power: Power): Promise<HttpAnswer> {
  const { site, signal } = power
  for (let tried = 1; ; tried += 1) {
    try {
      return await fetchHttp({ url, from, headers: requestHeaders, signal })
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error
      if (error.retryAfter === undefined && tried > repetitions) throw error
      await site.sleep((error.retryAfter ?? 1) * 1000, signal)
    }
  }
}

/** Sources.get_hostname and util.get_hostname_fqdn: the first label, and the whole. */
function namesOf(config: Mapping, localHostname: string | undefined) {
  const whole = text(config['fqdn']) ?? text(config['hostname']) ?? localHostname ?? 'localhost'
  const [first = whole] = whole.split('.')
  return { hostname: first, fqdn: whole }
}

/** Anything but a `#cloud-config` is not for cloud-init's configuration. */
const cloudConfig = (document: string | undefined): Mapping =>
  document?.startsWith('#cloud-config') === true ? mapping(parse(document)) : {}

const mapping = (value: unknown): Mapping =>
  typeof value === 'object' && value !== null ? (value as Mapping) : {}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
