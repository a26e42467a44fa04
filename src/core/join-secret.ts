import type { Hostname } from '../values/hostname.ts'
import type { BootId, MachineId } from '../values/ids.ts'
import { formatTime, type EpochMs } from '../values/time.ts'
import type { BootstrapTokenId } from './boot-token.ts'

/** A minted token on its way into the cluster. Holds the secret in clear: never logged, never stored. */
export interface TokenSecret {
  readonly id: BootstrapTokenId
  /** 16 of [a-z0-9] */
  readonly secret: string
  readonly expires: EpochMs
  readonly machine: MachineId
  readonly hostname: Hostname
  readonly boot: BootId
}

export const tokenNamespace = 'kube-system'
/** What a holder of such a token may do is what this group may do: see the RBAC manifest. */
export const tokenGroup = 'system:bootstrappers:rollcall'
export const secretName = (id: BootstrapTokenId): string => `bootstrap-token-${id}`

export const instanceLabel = 'rollcall.dev/instance'
export const bootLabel = 'rollcall.dev/boot'

/**
 * The Secret that makes the API server take `<id>.<secret>` for `system:bootstrap:<id>`
 * (Kubernetes, "Authenticating with Bootstrap Tokens").
 * @param instance which rollcall made it: two of them may share a cluster
 */
export const secretManifest = (token: TokenSecret, instance: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'bootstrap.kubernetes.io/token',
  metadata: {
    name: secretName(token.id),
    namespace: tokenNamespace,
    labels: {
      'app.kubernetes.io/managed-by': 'rollcall',
      [instanceLabel]: instance,
      'rollcall.dev/machine': token.machine,
      [bootLabel]: token.boot,
    },
  },
  stringData: {
    description: `rollcall: ${token.hostname}, boot ${token.boot}`,
    'token-id': token.id,
    'token-secret': token.secret,
    // RFC 3339 in whole seconds, rounded down: never longer than the boot's window.
    expiration: formatTime((token.expires - (token.expires % 1000)) as EpochMs).replace('.000', ''),
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': tokenGroup,
  },
})

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'
/** The largest multiple of 36 that an octet can hold: octets above would favour the first letters. */
const fair = 252

/** @returns that many of [a-z0-9], each as likely as the others */
export function randomLetters(count: number, random: (octets: number) => Uint8Array): string {
  let text = ''
  while (text.length < count) {
    for (const octet of random(count)) {
      if (octet < fair && text.length < count) text += alphabet[octet % alphabet.length]
    }
  }
  return text
}
