import { z } from 'zod'
import type { Hostname } from '../values/hostname.ts'
import { accepted, refused, type Parsed } from '../values/parse.ts'
import type { BootEvent } from './boot-event.ts'

/**
 * What cloud-init says of itself. Both forms come from a machine that may be broken or hostile: they
 * are cut to length, and no control character gets through to a terminal.
 */
const words = (limit: number) =>
  z.string().transform((text) =>
    text
      .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu, ' ')
      .trim()
      .slice(0, limit)
      .toWellFormed(),
  )

/** cloud-init's webhook reporter: one event a request, JSON with no Content-Type. */
const webhook = z.object({
  name: words(200).pipe(z.string().min(1)),
  event_type: z.enum(['start', 'finish']),
  description: words(500).optional().catch(undefined),
  /** With `finish` only. */
  result: words(20).optional().catch(undefined),
})

export function parseWebhook(body: string): Parsed<BootEvent> {
  const parsed = webhook.safeParse(json(body))
  if (!parsed.success) return refused(z.prettifyError(parsed.error))
  const { name, event_type: phase, description, result } = parsed.data
  return accepted({
    kind: 'cloud-init',
    name,
    phase,
    ...(result === undefined ? {} : { result }),
    ...(description === undefined ? {} : { description }),
  })
}

const form = z.object({
  hostname: words(255).pipe(z.string().min(1)),
  fqdn: words(255).optional(),
  instance_id: words(100).optional(),
})

/**
 * cloud-init's phone home: a form. A name with dots arrives whole in `fqdn` only, `hostname` is then
 * its first label; a name without may have a made-up domain in `fqdn`.
 */
export function parsePhoneHome(body: string, issued: Hostname): Parsed<BootEvent> {
  const parsed = form.safeParse(Object.fromEntries(new URLSearchParams(body)))
  if (!parsed.success) return refused(z.prettifyError(parsed.error))
  const { hostname, fqdn, instance_id: instanceId } = parsed.data
  const matches = hostname === issued || fqdn === issued
  return accepted({
    kind: 'phone-home',
    hostname: matches ? issued : hostname,
    ...(instanceId === undefined ? {} : { instanceId }),
    matches,
  })
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
