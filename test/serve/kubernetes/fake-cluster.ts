import type { BootstrapTokenId } from '../../../src/core/boot-token.ts'
import type { NodeReport } from '../../../src/core/join-node.ts'
import type { ParsedCsr } from '../../../src/core/join-request.ts'
import type { TokenSecret } from '../../../src/core/join-secret.ts'
import {
  ClusterError,
  type ClusterApi,
  type ClusterCsr,
  type Collection,
  type CsrAnswer,
  type Watched,
} from '../../../src/serve/kubernetes/cluster-api.ts'

/** Where a request can break: on its way there, or with its answer on its way back. */
export type Fault = 'none' | 'before' | 'after'

/**
 * A cluster in memory, with the API server's rules as far as rollcall leans on them: versions that
 * only grow, conflicts, watches that end and versions that are forgotten.
 */
export class FakeCluster implements ClusterApi {
  readonly secrets = new Map<BootstrapTokenId, { secret: TokenSecret; instance: string }>()
  /** Every Secret that was ever made, by its boot. */
  readonly made: TokenSecret[] = []
  readonly decisions: { readonly csr: ParsedCsr; readonly approved: boolean }[] = []
  isUp = true
  fault: () => Fault = () => 'none'
  readonly csrs = new FakeCollection<ClusterCsr>(this, ({ csr }) => csr.uid)
  readonly nodes = new FakeCollection<NodeReport>(this, ({ name }) => name)

  readonly #instance: string

  constructor(instance = 'rollcall') {
    this.#instance = instance
  }

  async createTokenSecret(secret: TokenSecret): Promise<'created' | 'exists' | 'taken'> {
    return this.ask(() => {
      const there = this.secrets.get(secret.id)
      if (there !== undefined) {
        const isOurs = there.instance === this.#instance && there.secret.boot === secret.boot
        return isOurs ? 'exists' : 'taken'
      }
      this.secrets.set(secret.id, { secret, instance: this.#instance })
      this.made.push(secret)
      return 'created'
    })
  }

  async deleteTokenSecret(id: BootstrapTokenId): Promise<void> {
    return this.ask(() => {
      if (this.secrets.get(id)?.instance === this.#instance) this.secrets.delete(id)
    })
  }

  async listTokenSecrets(): Promise<readonly { readonly id: BootstrapTokenId }[]> {
    return this.ask(() =>
      [...this.secrets]
        .filter(([, { instance }]) => instance === this.#instance)
        .map(([id]) => ({ id })),
    )
  }

  approveCsr = (csr: ClusterCsr) => this.#decide(csr, true)
  denyCsr = (csr: ClusterCsr) => this.#decide(csr, false)

  /** As the API server takes a request from somebody who asks. */
  request(csr: ParsedCsr): void {
    this.csrs.put({ csr, decided: false, object: this.csrs.nextVersion() })
  }

  /** One request to the API server: it fails as a network does. */
  async ask<T>(serve: () => T): Promise<T> {
    await Promise.resolve()
    const fault = this.isUp ? this.fault() : 'before'
    if (fault === 'before') throw new ClusterError('unreachable', 'connection refused')
    const answer = serve()
    if (fault === 'after') throw new ClusterError('unreachable', 'connection reset')
    return answer
  }

  async #decide(judged: ClusterCsr, approved: boolean): Promise<CsrAnswer> {
    return this.ask(() => {
      const current = this.csrs.get(judged.csr.uid)
      if (current === undefined) return 'gone'
      if (current.object !== judged.object) return 'stale'
      this.decisions.push({ csr: current.csr, approved })
      this.csrs.put({ ...current, decided: true, object: this.csrs.nextVersion() })
      return 'done'
    })
  }
}

class FakeCollection<T> implements Collection<T> {
  readonly #cluster: FakeCluster
  readonly #nameOf: (item: T) => string
  readonly #items = new Map<string, T>()
  #log: Watched<T>[] = []
  #version = 1
  #oldest = 1
  #endings = 0
  #wake: (() => void)[] = []
  /** How often it was listed. */
  lists = 0

  constructor(cluster: FakeCluster, nameOf: (item: T) => string) {
    this.#cluster = cluster
    this.#nameOf = nameOf
  }

  nextVersion = (): number => this.#version + 1
  get = (name: string): T | undefined => this.#items.get(name)

  put(item: T): void {
    this.#items.set(this.#nameOf(item), item)
    this.#happened('put', item)
  }

  delete(name: string): void {
    const item = this.#items.get(name)
    if (item === undefined) return
    this.#items.delete(name)
    this.#happened('delete', item)
  }

  /** Ends every watch, as a server does that goes down. */
  endWatches(): void {
    this.#endings += 1
    this.#wakeAll()
  }

  /** Forgets what happened, as etcd's compaction does: a watch from before has to list again. */
  forget(): void {
    this.#version += 1
    this.#oldest = this.#version
    this.#log = []
    this.endWatches()
  }

  async list() {
    return this.#cluster.ask(() => {
      this.lists += 1
      return { items: [...this.#items.values()], version: String(this.#version) }
    })
  }

  async *watch(version: string, signal: AbortSignal): AsyncGenerator<Watched<T>> {
    let at = Number(version)
    const endings = this.#endings
    await this.#cluster.ask(() => undefined)
    const wake = (): void => this.#wakeAll()
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!signal.aborted && this.#endings === endings && this.#cluster.isUp) {
        if (at < this.#oldest) throw new ClusterError('expired', '410: Gone')
        for (const event of this.#log.filter((event) => Number(event.version) > at)) {
          at = Number(event.version)
          yield event
        }
        if (signal.aborted || this.#endings !== endings || at < this.#version) continue
        await new Promise<void>((woken) => this.#wake.push(woken))
      }
    } finally {
      signal.removeEventListener('abort', wake)
    }
  }

  #happened(kind: 'put' | 'delete', item: T): void {
    this.#version += 1
    this.#log.push({ kind, item, version: String(this.#version) })
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const woken of this.#wake.splice(0)) woken()
  }
}

/** One that refuses everything: its RBAC objects were never applied. */
export function brokenCluster(): FakeCluster {
  const cluster = new FakeCluster()
  cluster.ask = async () => {
    throw new ClusterError('refused', '403: secrets is forbidden')
  }
  return cluster
}
