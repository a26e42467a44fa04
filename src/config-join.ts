import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import type { Cluster } from './core/documents/join.ts'
import { evidenceKinds, type Group } from './core/group.ts'
import type { ClusterConfig } from './serve/kubernetes/tasks.ts'
import { labelKeyProblem, labelValueProblem } from './core/inventory-fields.ts'
import { parseNetwork, type Ipv4Network } from './values/ipv4.ts'
import { seconds } from './values/time.ts'

/** The part of the configuration that says which machines join the cluster, and on what evidence. */

const checked = (problemOf: (text: string) => string | undefined) =>
  z.string().superRefine((text, context) => {
    const problem = problemOf(text)
    if (problem !== undefined) context.addIssue(problem)
  })

export const network = z.string().transform((text, context): Ipv4Network => {
  const parsed = parseNetwork(text.includes('/') ? text : `${text}/32`)
  if (parsed.ok) return parsed.value
  context.addIssue(parsed.problem)
  return z.NEVER
})

const labels = z.record(checked(labelKeyProblem), checked(labelValueProblem))

/** Which of Kubernetes' own labels a kubelet may set on its node; with any other it does not start. */
const kubeletLabels = /^(node|kubelet)\.kubernetes\.io\/|^topology\.kubernetes\.io\/(region|zone)$/
const kubernetesLabel = /(^|\.)(kubernetes|k8s)\.io\//

const nodeLabels = labels.superRefine((record, context) => {
  for (const key of Object.keys(record)) {
    if (!kubernetesLabel.test(key) || kubeletLabels.test(key)) continue
    context.addIssue(`a kubelet may not set '${key}' on its node and would not start`)
  }
})

/** Kubernetes, "Taints and Tolerations". */
const taint = checked((text) => {
  const [, key = '', value = ''] =
    /^([^=:]+)(?:=([^:]*))?:(?:NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? []
  if (key === '') return `'${text}' is not a taint: write it like key=value:NoSchedule`
  return labelKeyProblem(key) ?? labelValueProblem(value)
})

const group = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'take a-z, 0-9 and hyphens'),
  selector: labels.default({}),
  token: z.enum(['minted', 'stored', 'none']),
  requires: z.array(z.enum(evidenceKinds)).default(['netboot', 'address']),
  windowSeconds: z.int().min(60).max(86_400).default(900),
  nodeLabels: nodeLabels.default({}),
  nodeTaints: z.array(taint).default([]),
})

export const joinSchema = z
  .strictObject({ groups: z.array(group).default([]) })
  .prefault({})
  .superRefine(({ groups }, context) => {
    const seen = new Set<string>()
    for (const { name } of groups) {
      if (seen.has(name)) context.addIssue(`there are two groups '${name}'`)
      seen.add(name)
    }
  })

const apiServer = z.url({ protocol: /^https$/, error: 'write it like https://192.0.2.10:6443' })

export const clusterSchema = z.strictObject({
  server: apiServer,
  caFile: z.string().min(1),
  kubeconfig: z.string().min(1).optional(),
  apiServers: z.array(apiServer).min(1).optional(),
  instance: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'take a-z, 0-9 and hyphens')
    .default('rollcall'),
  wrongRequests: z.enum(['leave-alone', 'deny']).default('leave-alone'),
  readyWithinSeconds: z.int().min(60).max(86_400).default(900),
})

/**
 * How this server reaches the cluster: by its kubeconfig, or, where tokens are to be minted and there is
 * none, by the account of the pod that it runs in. With stored tokens alone it has no business there.
 */
export function clusterAccess(
  cluster: z.infer<typeof clusterSchema> | undefined,
  groups: readonly Group[],
): ClusterConfig | undefined {
  const mints = groups.some(({ token }) => token === 'minted')
  if (cluster === undefined || (cluster.kubeconfig === undefined && !mints)) return undefined
  const { kubeconfig, apiServers: servers, instance, wrongRequests, readyWithinSeconds } = cluster
  return { kubeconfig, servers, instance, wrongRequests, readyWithin: seconds(readyWithinSeconds) }
}

/** What the core decides with. The first group that fits a machine counts. */
export const joinGroups = ({ groups }: z.infer<typeof joinSchema>): readonly Group[] =>
  groups.map(({ requires, windowSeconds, ...rest }) => ({
    ...rest,
    requires: new Set(requires),
    window: seconds(windowSeconds),
  }))

/** @throws Error that names the file */
export function readCluster({ server, caFile }: z.infer<typeof clusterSchema>): Cluster {
  let ca: string
  try {
    ca = readFileSync(caFile, 'utf8')
  } catch (error) {
    throw new Error(`cluster.caFile ${caFile} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (!isCertificate(ca)) throw new Error(`cluster.caFile ${caFile} holds no certificate (PEM)`)
  return { server, ca }
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0
  } catch {
    return false
  }
}
