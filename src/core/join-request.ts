import { parseHostname, type Hostname } from '../values/hostname.ts'
import type { EpochMs } from '../values/time.ts'

/** A CertificateSigningRequest as the cluster shows it, with the PKCS#10 request in it read. */
export interface ParsedCsr {
  readonly name: string
  /** Never used again, unlike the name. */
  readonly uid: string
  readonly signer: string
  /** Who asks: set by the API server from what the asker authenticated with, not by the asker. */
  readonly username: string
  readonly groups: readonly string[]
  readonly usages: readonly string[]
  readonly created: EpochMs
  readonly request: Pkcs10
}

export type Pkcs10 =
  | {
      readonly ok: true
      /** Relative names in order, like `O` and `system:nodes`; a type without a short name is its OID. */
      readonly subject: readonly { readonly type: string; readonly value: string }[]
      /** What it asks for besides subject and key, by OID; 2.5.29.17 is subjectAltName. */
      readonly extensions: readonly string[]
      readonly key: PublicKey
      /** SHA-256 of the SubjectPublicKeyInfo, in hex. */
      readonly keyDigest: string
      /** Whether whoever made the request has the private key. */
      readonly signatureValid: boolean
    }
  | { readonly ok: false; readonly problem: string }

export type PublicKey =
  | { readonly kind: 'rsa'; readonly bits: number }
  | { readonly kind: 'ecdsa'; readonly curve: string }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'other'; readonly name: string }

export const kubeletSigner = 'kubernetes.io/kube-apiserver-client-kubelet'
export const nodeUser = 'system:node:'
export const nodesGroup = 'system:nodes'

const subjectAltName = '2.5.29.17'
const curves: ReadonlySet<string> = new Set(['P-256', 'P-384', 'P-521'])
/** A longer one only costs time to check. */
const mostRsaBits = 8192

export type WellFormed =
  | { readonly ok: true; readonly node: Hostname; readonly keyDigest: string }
  | { readonly ok: false; readonly problem: string; readonly node?: Hostname }

/**
 * Whether it asks for just what a kubelet's client certificate is, whoever asks.
 * Kubernetes, "Certificates and Certificate Signing Requests", signer
 * `kubernetes.io/kube-apiserver-client-kubelet`; ValidateKubeletClientCSR in
 * https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/certificates/helpers.go.
 * Stricter than those: nothing in the subject besides O and CN, no extension of any kind (kubelets ask
 * for none), key sizes, and RSA keys must ask for key encipherment.
 */
export function kubeletRequest({ request, usages }: ParsedCsr): WellFormed {
  if (!request.ok) return { ok: false, problem: `it is no certificate request: ${request.problem}` }
  const name = nodeName(request.subject)
  if (!name.ok) return name
  const { node } = name
  const problem = extensionProblem(request.extensions) ?? keyProblem(request.key)
  if (problem !== undefined) return { ok: false, problem, node }
  if (!request.signatureValid) {
    return { ok: false, problem: 'it is not signed with the key that it shows', node }
  }
  if (!usagesFit(usages, request.key)) {
    return { ok: false, problem: `its usages are ${list(usages)}, not those of a kubelet`, node }
  }
  return { ok: true, node, keyDigest: request.keyDigest }
}

function nodeName(
  subject: Extract<Pkcs10, { ok: true }>['subject'],
): { ok: true; node: Hostname } | { ok: false; problem: string } {
  const shown = subject.map(({ type, value }) => `${type}=${clean(value)}`).join(', ')
  const organization = subject.find(({ type }) => type === 'O')?.value
  const commonName = subject.find(({ type }) => type === 'CN')?.value
  if (subject.length !== 2 || organization !== nodesGroup || !commonName?.startsWith(nodeUser)) {
    return {
      ok: false,
      problem: `its subject is '${shown}', not O=system:nodes, CN=system:node:<name>`,
    }
  }
  const node = parseHostname(commonName.slice(nodeUser.length))
  return node.ok ? { ok: true, node: node.value } : { ok: false, problem: clean(node.problem) }
}

function extensionProblem(extensions: readonly string[]): string | undefined {
  if (extensions.length === 0) return undefined
  return extensions.includes(subjectAltName)
    ? 'it asks for alternative names, which no kubelet needs'
    : `it asks for extensions (${list(extensions)}), which no kubelet needs`
}

function keyProblem(key: PublicKey): string | undefined {
  switch (key.kind) {
    case 'rsa':
      if (key.bits < 2048) return `its RSA key has ${key.bits} bits; 2048 are the least`
      if (key.bits > mostRsaBits) return `its RSA key has ${key.bits} bits; 8192 are the most`
      return undefined
    case 'ecdsa':
      return curves.has(key.curve) ? undefined : `its ECDSA key is on ${clean(key.curve)}`
    case 'ed25519':
      return undefined
    case 'other':
      return `its key is of the kind ${clean(key.name)}`
  }
}

/** A key that only signs has no use for key encipherment; kubelets before 1.27 ask for it all the same. */
function usagesFit(usages: readonly string[], key: PublicKey): boolean {
  const asked = usages.toSorted().join()
  return (
    asked === 'client auth,digital signature,key encipherment' ||
    (asked === 'client auth,digital signature' && key.kind !== 'rsa')
  )
}

const list = (words: readonly string[]): string =>
  words.length === 0 ? 'none' : words.map(clean).join(', ')

/** The asker wrote it: it goes into an audit entry, and onto a terminal. */
export const clean = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200)
