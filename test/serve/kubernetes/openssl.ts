import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const openssl = '/usr/bin/openssl' // Debian's

export interface OpensslRequest {
  /** Like `/O=system:nodes/CN=system:node:r1`. */
  readonly subject: string
  /** As `openssl genpkey` takes them; an ECDSA key on P-256 unless said otherwise. */
  readonly key?: readonly string[]
  /** Like `subjectAltName=DNS:r1`. */
  readonly extension?: string
  readonly form?: 'PEM' | 'DER'
  readonly digest?: string
}

const p256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']

/** A certificate request by a program that is not ours. */
export function opensslRequest(request: OpensslRequest): Buffer {
  const { subject, key = p256, extension, form = 'PEM', digest } = request
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-csr-'))
  try {
    const keyFile = join(folder, 'key.pem')
    execFileSync(openssl, ['genpkey', ...key, '-out', keyFile], { stdio: 'pipe' })
    const extra = extension === undefined ? [] : ['-addext', extension]
    const hash = digest === undefined ? [] : [`-${digest}`]
    const out = ['-outform', form]
    return execFileSync(
      openssl,
      ['req', '-new', '-key', keyFile, '-subj', subject, ...extra, ...hash, ...out],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}
