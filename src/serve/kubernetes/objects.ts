import { z } from 'zod'
import type { BootstrapTokenId } from '../../core/boot-token.ts'
import type { NodeReport } from '../../core/join-node.ts'
import { epochMs, type EpochMs } from '../../values/time.ts'
import type { ClusterCsr, OurSecret } from './cluster-api.ts'
import { parseCsr } from './parse-csr.ts'

/** RFC 3339, in whole seconds or microseconds. */
const time = z.iso
  .datetime({ offset: true })
  .transform((text): EpochMs => epochMs(Date.parse(text)))

const csrSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string(), creationTimestamp: time }),
  spec: z.object({
    request: z.base64(),
    signerName: z.string(),
    username: z.string().default(''),
    groups: z.array(z.string()).default([]),
    usages: z.array(z.string()).default([]),
  }),
  status: z
    .object({
      conditions: z.array(z.object({ type: z.string() })).default([]),
      certificate: z.string().optional(),
    })
    .prefault({}),
})

/** A CertificateSigningRequest (certificates.k8s.io/v1). */
export function readCsr(object: unknown): ClusterCsr | undefined {
  const { success, data } = csrSchema.safeParse(object)
  if (!success) return undefined
  const { metadata, spec, status } = data
  return {
    csr: {
      name: metadata.name,
      uid: metadata.uid,
      created: metadata.creationTimestamp,
      signer: spec.signerName,
      username: spec.username,
      groups: spec.groups,
      usages: spec.usages,
      request: parseCsr(Buffer.from(spec.request, 'base64')),
    },
    decided: status.conditions.length > 0 || status.certificate !== undefined,
    object,
  }
}

const nodeSchema = z.object({
  metadata: z.object({ name: z.string() }),
  status: z.object({
    conditions: z
      .array(z.object({ type: z.string(), status: z.string(), lastHeartbeatTime: time.nullish() }))
      .default([]),
    nodeInfo: z.object({ bootID: z.string() }),
  }),
})

/** A Node (v1). One that somebody made by hand has no kernel and is none to us. */
export function readNode(object: unknown): NodeReport | undefined {
  const { success, data } = nodeSchema.safeParse(object)
  if (!success || data.status.nodeInfo.bootID === '') return undefined
  const condition = data.status.conditions.find(({ type }) => type === 'Ready')
  const heartbeat = condition?.lastHeartbeatTime ?? undefined
  return {
    name: data.metadata.name,
    ready: condition?.status === 'True',
    ...(heartbeat === undefined ? {} : { heartbeat }),
    kernelBoot: data.status.nodeInfo.bootID,
  }
}

const secretSchema = z.object({
  metadata: z.object({ name: z.string().regex(/^bootstrap-token-[a-z0-9]{6}$/), uid: z.string() }),
})

/** A Secret's name and uid; what is in it is not looked at. */
export function readSecret(object: unknown): (OurSecret & { readonly uid: string }) | undefined {
  const { success, data } = secretSchema.safeParse(object)
  if (!success) return undefined
  return { id: data.metadata.name.slice(-6) as BootstrapTokenId, uid: data.metadata.uid }
}

export const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()),
})

export const watchSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
})

export const versionSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) })

export const statusSchema = z.object({ code: z.int().optional(), reason: z.string().optional() })
