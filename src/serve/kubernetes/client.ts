import {
  bootLabel,
  instanceLabel,
  secretManifest,
  secretName,
  tokenNamespace,
} from '../../core/join-secret.ts'
import {
  ClusterError,
  type ClusterApi,
  type ClusterCsr,
  type Collection,
  type CsrAnswer,
  type Watched,
} from './cluster-api.ts'
import {
  listSchema,
  readCsr,
  readNode,
  readSecret,
  statusSchema,
  versionSchema,
  watchSchema,
} from './objects.ts'
import type { Answer, Transport } from './transport.ts'

/** Objects a page: what is held in memory at once while a long list is read. */
const pageSize = 250
/** After so long the server ends a watch, and it is opened anew, maybe at another server. */
const watchSeconds = 280

const secrets = `/api/v1/namespaces/${tokenNamespace}/secrets`
const csrs = '/apis/certificates.k8s.io/v1/certificatesigningrequests'

/** @param instance which rollcall this is: Secrets of others are not touched */
export function openCluster(transport: Transport, instance: string): ClusterApi {
  const ours = `${instanceLabel}=${instance}`

  const ourSecrets = async (query: Record<string, string>, signal: AbortSignal) =>
    (await listAll(transport, secrets, query, readSecret, signal)).items

  return {
    async createTokenSecret(secret, signal) {
      const body = secretManifest(secret, instance)
      const answer = await transport.send('POST', secrets, { body, signal })
      if (answer.status === 201) return 'created'
      if (answer.status !== 409) throw unexpected(answer)
      const query = {
        labelSelector: `${ours},${bootLabel}=${secret.boot}`,
        fieldSelector: `metadata.name=${secretName(secret.id)}`,
      }
      return (await ourSecrets(query, signal)).length > 0 ? 'exists' : 'taken'
    },

    async deleteTokenSecret(id, signal) {
      const query = { labelSelector: ours, fieldSelector: `metadata.name=${secretName(id)}` }
      for (const { uid } of await ourSecrets(query, signal)) {
        const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } }
        const path = `${secrets}/${secretName(id)}`
        const answer = await transport.send('DELETE', path, { body, signal })
        // 404: expired meanwhile; 409: another one has the name now, which is not ours.
        if (![200, 202, 404, 409].includes(answer.status)) throw unexpected(answer)
      }
    },

    listTokenSecrets: (signal) => ourSecrets({ labelSelector: ours }, signal),
    approveCsr: (csr, message, signal) => decide(transport, csr, 'Approved', message, signal),
    denyCsr: (csr, message, signal) => decide(transport, csr, 'Denied', message, signal),
    csrs: collection(transport, csrs, readCsr),
    nodes: collection(transport, '/api/v1/nodes', readNode),
  }
}

function collection<T>(
  transport: Transport,
  path: string,
  read: (object: unknown) => T | undefined,
): Collection<T> {
  return {
    list: (signal) => listAll(transport, path, {}, read, signal),
    watch: (version, signal) => watch(transport, path, read, version, signal),
  }
}

async function listAll<T>(
  transport: Transport,
  path: string,
  query: Record<string, string>,
  read: (object: unknown) => T | undefined,
  signal: AbortSignal,
): Promise<{ readonly items: readonly T[]; readonly version: string }> {
  const items: T[] = []
  let next: string | undefined
  for (;;) {
    const search = new URLSearchParams({ ...query, limit: String(pageSize) })
    if (next !== undefined) search.set('continue', next)
    const answer = await transport.send('GET', `${path}?${search.toString()}`, { signal })
    // Reading took longer than the server keeps the first page's version.
    if (answer.status === 410) throw new ClusterError('expired', 'the list has changed meanwhile')
    const page = listSchema.safeParse(answer.body)
    if (answer.status !== 200 || !page.success) throw unexpected(answer)
    for (const object of page.data.items) {
      const item = read(object)
      if (item !== undefined) items.push(item)
    }
    const { continue: more, resourceVersion: version } = page.data.metadata
    if (more === undefined || more === '') return { items, version }
    next = more
  }
}

async function* watch<T>(
  transport: Transport,
  path: string,
  read: (object: unknown) => T | undefined,
  version: string,
  signal: AbortSignal,
): AsyncGenerator<Watched<T>> {
  const search = new URLSearchParams({
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: version,
    timeoutSeconds: String(watchSeconds),
  })
  for await (const line of transport.lines(`${path}?${search.toString()}`, signal)) {
    const { type, object } = watchSchema.parse(line)
    if (type === 'ERROR') {
      const { code, reason = '' } = statusSchema.parse(object)
      throw new ClusterError(code === 410 ? 'expired' : 'unreachable', `${code}: ${reason}`)
    }
    const { resourceVersion } = versionSchema.parse(object).metadata
    const item = type === 'BOOKMARK' ? undefined : read(object)
    yield item === undefined
      ? { kind: 'bookmark', version: resourceVersion }
      : { kind: type === 'DELETED' ? 'delete' : 'put', item, version: resourceVersion }
  }
}

/** The condition goes onto the very object that was judged: its resourceVersion makes sure of that. */
async function decide(
  transport: Transport,
  { csr, object }: ClusterCsr,
  type: 'Approved' | 'Denied',
  message: string,
  signal: AbortSignal,
): Promise<CsrAnswer> {
  const given = object as { readonly status?: object }
  const condition = { type, status: 'True', reason: `Rollcall${type}`, message }
  const body = { ...given, status: { ...given.status, conditions: [condition] } }
  const path = `${csrs}/${encodeURIComponent(csr.name)}/approval`
  const answer = await transport.send('PUT', path, { body, signal })
  if (answer.status === 200) return 'done'
  if (answer.status === 409) return 'stale'
  if (answer.status === 404) return 'gone'
  throw unexpected(answer)
}

const unexpected = ({ status, body }: Answer): ClusterError => {
  const { reason } = (body ?? {}) as { reason?: unknown }
  return new ClusterError(
    'unexpected',
    `${status}${typeof reason === 'string' ? ` ${reason}` : ''}`,
  )
}
