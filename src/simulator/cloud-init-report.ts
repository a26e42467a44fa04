import type { Power } from './firmware.ts'
import { askHttp, fetchHttp, HttpFailure } from './http.ts'

/** Who reports, and how it looks on the wire. */
export interface Reporter {
  readonly from: string
  readonly headers: Readonly<Record<string, string>>
  readonly power: Power
}

/** The modules of each stage, as a boot of Debian's cloud-init reported them (some of 30). */
const modules = {
  'init-network': [
    ['migrator', 'always'],
    ['growpart', 'always'],
    ['set_hostname', 'once-per-instance'],
    ['update_hostname', 'always'],
    ['users-groups', 'once-per-instance'],
    ['ssh', 'once-per-instance'],
  ],
  'modules-config': [
    ['locale', 'once-per-instance'],
    ['set-passwords', 'once-per-instance'],
  ],
  'modules-final': [
    ['scripts-vendor', 'once-per-instance'],
    ['scripts-user', 'once-per-instance'],
    ['phone-home', 'once-per-instance'],
    ['final-message', 'always'],
  ],
} as const
type ReportedStage = keyof typeof modules

const descriptions: Readonly<Record<ReportedStage, string>> = {
  'init-network': 'searching for network datasources',
  'modules-config': 'running modules for config',
  'modules-final': 'running modules for final',
}

/**
 * The webhook reporter (reporting/handlers.py): a queue that is posted one by one beside the main
 * work. What cannot be posted is lost.
 * @param reporting the configuration's `reporting`: one handler for each key
 */
export function startReporting(reporting: Readonly<Record<string, unknown>>, reporter: Reporter) {
  const { from, headers, power } = reporter
  const { signal } = power
  const endpoints = Object.values(reporting).flatMap((handler) => webhookOf(handler) ?? [])
  let queue = Promise.resolve()

  const deliver = async (before: Promise<void>, url: string, body: string): Promise<void> => {
    await before
    try {
      // No Content-Type, as it is: requests sets none for a body that is text.
      await askHttp({ url, from, method: 'POST', headers, body, signal })
    } catch (error) {
      if (!(error instanceof HttpFailure) && !signal.aborted) throw error
    }
  }
  const post = (event: object): void => {
    const body = JSON.stringify(event)
    for (const url of endpoints) queue = deliver(queue, url, body)
  }
  const started = (name: string, description: string): void =>
    post({ name, description, event_type: 'start', origin: 'cloudinit', timestamp: timestamp() })
  const finished = (name: string, description: string): void => {
    const event = { name, description, event_type: 'finish', origin: 'cloudinit' }
    post({ ...event, timestamp: timestamp(), result: 'SUCCESS' })
  }

  return {
    stage(stage: ReportedStage): void {
      for (const [module, frequency] of modules[stage]) {
        const name = `${stage}/config-${module}`
        started(name, `running config-${module} with frequency ${frequency}`)
        finished(name, `config-${module} ran successfully`)
      }
      finished(stage, descriptions[stage])
    },
    flush: (): Promise<void> => queue,
  }
}

function webhookOf(handler: unknown): string | undefined {
  if (typeof handler !== 'object' || handler === null) return undefined
  const { type, endpoint } = handler as { readonly type?: unknown; readonly endpoint?: unknown }
  return type === 'webhook' && typeof endpoint === 'string' ? endpoint : undefined
}

const timestamp = (): number => Date.now() / 1000

export interface Identity {
  readonly instanceId: string
  readonly hostname: string
  readonly fqdn: string
}

/**
 * cc_phone_home: a form, tried again every 3 s.
 * @returns undefined where nothing is configured; whether it was taken, else
 */
export async function phoneHome(
  config: Readonly<Record<string, unknown>>,
  { instanceId, hostname, fqdn }: Identity,
  { from, headers, power }: Reporter,
): Promise<boolean | undefined> {
  const { url, post, tries } = config
  if (typeof url !== 'string') return undefined
  const known: Readonly<Record<string, string>> = { instance_id: instanceId, hostname, fqdn }
  const wanted = Array.isArray(post) ? post.map(String) : Object.keys(known)
  const form = new URLSearchParams(
    wanted.map((key): [string, string] => [key, known[key] ?? 'N/A']),
  )
  const ask = {
    url,
    from,
    method: 'POST' as const,
    headers: { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    signal: power.signal,
  }
  for (let left = typeof tries === 'number' ? tries : 10; ;) {
    try {
      await fetchHttp(ask)
      return true
    } catch (error) {
      if (!(error instanceof HttpFailure)) throw error
      left -= 1
      if (left <= 0) return false
      await power.site.sleep(3000, power.signal)
    }
  }
}
