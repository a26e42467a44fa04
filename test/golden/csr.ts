import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { opensslRequest, type OpensslRequest } from '../serve/kubernetes/openssl.ts'

const update = process.env['UPDATE_GOLDENS'] === '1'
const file = new URL('csr.json', import.meta.url)

/** What openssl made of each order, in base64. */
type Goldens = Record<string, string>

/**
 * A certificate request by openssl, from test/golden/csr.json, so that reading one needs no openssl.
 * UPDATE_GOLDENS=1 has them made anew, with other keys.
 */
export function goldenRequest(order: OpensslRequest): Buffer {
  const name = JSON.stringify(order)
  const goldens = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Goldens) : {}
  if (update) {
    goldens[name] = opensslRequest(order).toString('base64')
    writeFileSync(file, `${JSON.stringify(goldens, undefined, 2)}\n`)
  }
  const text = goldens[name]
  if (text === undefined) throw new Error(`no ${name} in csr.json: UPDATE_GOLDENS=1 makes it`)
  return Buffer.from(text, 'base64')
}
