import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { run } from '../net/lab-process.ts'
import { distinguishedName, type Subject } from './authority.ts'
import type { Cluster } from './cluster.ts'
import type { ApiObject } from './kubectl.ts'
import type { Kubelet } from './kubelet.ts'
import { debianProgram } from './programs.ts'

export interface BootstrapToken {
  /** 6 characters of [a-z0-9]: public, the name of its Secret and of its user. */
  readonly id: string
  /** 16 of them. */
  readonly secret: string
  readonly expires?: Date
  /** Beside system:bootstrappers, which every token has. Must start with `system:bootstrappers:`. */
  readonly group?: string
}

/** The Secret that makes the API server take `<id>.<secret>` for system:bootstrap:<id>. */
export const tokenSecret = ({ id, secret, expires, group }: BootstrapToken): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'bootstrap.kubernetes.io/token',
  metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
  stringData: {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    ...(group === undefined ? {} : { 'auth-extra-groups': group }),
    ...(expires === undefined ? {} : { expiration: expires.toISOString() }),
  },
})

/** Lets the members of a group create CSRs and read them (everybody's), and nothing more. */
export const maySendRequests = (group: string): object => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: group.replaceAll(':', '-') },
  roleRef: {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'ClusterRole',
    name: 'system:node-bootstrapper',
  },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
})

export interface RequestOptions {
  readonly name: string
  readonly subject: Subject
  readonly signerName?: string
  readonly usages?: readonly string[]
}

/** A CSR object as a kubelet would send it, except where a test says otherwise. */
export async function certificateRequest(
  cluster: Cluster,
  options: RequestOptions,
): Promise<object> {
  const file = join(cluster.folder, `${options.name}.csr`)
  const key = join(cluster.folder, `${options.name}.key`)
  await run([
    ...[debianProgram('openssl'), 'req', '-new', '-newkey', 'ec', '-noenc'],
    ...['-pkeyopt', 'ec_paramgen_curve:P-256', '-keyout', key, '-out', file],
    ...['-subj', distinguishedName(options.subject)],
  ])
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: options.name },
    spec: {
      request: readFileSync(file).toString('base64'),
      signerName: options.signerName ?? 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: options.usages ?? ['digital signature', 'key encipherment', 'client auth'],
    },
  }
}

/** The CSR of this user that nobody has decided on. Waits for one. */
export const pendingRequest = (
  cluster: Cluster,
  username: string,
  seconds = 60,
): Promise<ApiObject> =>
  awaited(cluster, `pending CSR of ${username}`, seconds, async () => {
    const { items } = await cluster.get('csr')
    const isIt = ({ spec, status }: ApiObject): boolean =>
      spec.username === username && status.conditions === undefined
    return items.find(isIt)
  })

/** The CSR with its certificate. Waits until the controllers have signed it. */
export const issued = (cluster: Cluster, name: string, seconds = 30): Promise<ApiObject> =>
  awaited(cluster, `certificate in CSR ${name}`, seconds, async () => {
    const csr = await cluster.get('csr', name)
    return csr.status.certificate === undefined ? undefined : csr
  })

/** The Node object once its condition Ready is True. */
export const readyNode = (
  cluster: Cluster,
  name: string,
  kubelet: Pick<Kubelet, 'logs'>,
  seconds = 120,
): Promise<ApiObject> =>
  awaited(kubelet, `node ${name} that is Ready`, seconds, async () => {
    const { items } = await cluster.get('nodes')
    const isReady = ({ type, status }: ApiObject): boolean => type === 'Ready' && status === 'True'
    const isIt = ({ metadata, status }: ApiObject): boolean =>
      metadata.name === name && status.conditions?.some(isReady) === true
    return items.find(isIt)
  })

/** Waits; the message of one that waited in vain ends with what the witness has logged. */
async function awaited(
  witness: Pick<Cluster, 'logs'>,
  what: string,
  seconds: number,
  look: () => Promise<ApiObject>,
): Promise<ApiObject> {
  const end = Date.now() + seconds * 1000
  do {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  } while (Date.now() < end)
  throw new Error(`after ${seconds} s still no ${what}\n${witness.logs()}`)
}
