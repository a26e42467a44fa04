import { z } from '@hono/zod-openapi'
import { parseHostname } from '../../values/hostname.ts'
import { parseImageName, parseSha256, parseSubnetName } from '../../values/ids.ts'
import { parseIpv4, parseNetwork, parseRange } from '../../values/ipv4.ts'
import { parseMac } from '../../values/mac.ts'
import { accepted, refused, type Parsed } from '../../values/parse.ts'
import { parseSmbiosUuid } from '../../values/uuid.ts'
import type { MachineSelector } from '../../core/inventory.ts'

/** A field of text that is parsed once, here; further in there is only the value. */
export function parsedBy<T>(
  parse: (text: string) => Parsed<T>,
  openapi: { readonly example: string; readonly description?: string },
) {
  return z
    .string()
    .max(4096)
    .openapi(openapi)
    .transform((text, context): T => {
      const parsed = parse(text)
      if (parsed.ok) return parsed.value
      context.issues.push({ code: 'custom', message: parsed.problem, input: text })
      return z.NEVER
    })
}

/** For syntax without a value type: a function that says what is wrong. */
export const checkedBy = (
  problemOf: (text: string) => string | undefined,
  openapi: { readonly example: string; readonly description?: string },
) =>
  parsedBy((text) => {
    const problem = problemOf(text)
    return problem === undefined ? accepted(text) : refused(problem)
  }, openapi)

/**
 * An object whose other fields are refused, in words that say which there are.
 *
 * @param what "a machine", for the words
 */
export const fieldsOf = <Shape extends z.core.$ZodLooseShape>(what: string, shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `is not a field of ${what}: it has ${Object.keys(shape).join(', ')}`
        : undefined,
  })

export const hostname = parsedBy(parseHostname, {
  example: 'worker-1',
  description: 'a Kubernetes node name of at most 64 characters',
})
export const mac = parsedBy(parseMac, {
  example: '52:54:00:a1:b2:c3',
  description: 'in any usual spelling; answered with colons',
})
export const address = parsedBy(parseIpv4, { example: '192.0.2.50' })
export const network = parsedBy(parseNetwork, { example: '192.0.2.0/24' })
export const range = parsedBy(parseRange, { example: '192.0.2.100-192.0.2.199' })
export const uuid = parsedBy(parseSmbiosUuid, {
  example: '4c4c4544-0042-3510-8056-b4c04f4e3133',
  description: 'as dmidecode prints it',
})
export const sha256 = parsedBy(parseSha256, { example: '0'.repeat(64) })
export const imageName = parsedBy(parseImageName, { example: 'worker-2026.11' })
export const subnetName = parsedBy(parseSubnetName, { example: 'rack-1' })

function parseSelector(text: string): Parsed<MachineSelector> {
  const byMac = parseMac(text)
  if (byMac.ok) return accepted({ by: 'mac', mac: byMac.value })
  const byName = parseHostname(text)
  return byName.ok ? accepted({ by: 'hostname', hostname: byName.value }) : byName
}

export const selector = parsedBy(parseSelector, {
  example: 'worker-1',
  description: "the machine's hostname, or any of its MACs",
})

/** A time in an answer. */
export const time = z.iso.datetime().openapi({ example: '2026-11-22T14:36:00.000Z' })

/** The preconditions that PUT and DELETE honour (RFC 9110, 13.1). */
export const preconditionHeaders = z.object({
  'if-match': z.string().optional().openapi({ example: '"3-5dca6e0a01f0"' }),
  'if-none-match': z.string().optional().openapi({ example: '*' }),
})
