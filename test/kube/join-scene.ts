import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { BootToken } from '../../src/core/boot-token.ts'
import { bootTokenRecord } from '../../src/core/boot-token.ts'
import type { Machine } from '../../src/core/machine.ts'
import { rbacManifest } from '../../src/serve/kubernetes/manifest.ts'
import { startCluster as startTasks } from '../../src/serve/kubernetes/tasks.ts'
import { eventually } from '../net/eventually.ts'
import { openVault, Scene } from '../serve/kubernetes/scene.ts'
import { opensslRequest, type OpensslRequest } from '../serve/kubernetes/openssl.ts'
import type { Cluster } from './cluster.ts'

/** What a machine holds: a bootstrap token in clear, and the user that it makes of it. */
export interface Bearer {
  readonly text: string
  readonly token: BootToken
  readonly kubeconfig: string
}

export interface Asks extends Partial<OpensslRequest> {
  readonly name: string
  readonly node: string
  readonly signer?: string
  readonly usages?: readonly string[]
}

/** rollcall's own tasks beside a real cluster; boots and seeds are played by the test. */
export class JoinScene extends Scene {
  readonly kube: Cluster
  readonly kubeconfig: string
  #running: { readonly stop: () => Promise<void> } | undefined

  private constructor(kube: Cluster, kubeconfig: string) {
    super(undefined, 9)
    this.kube = kube
    this.kubeconfig = kubeconfig
    this.now = Date.now()
  }

  static async open(kube: Cluster): Promise<JoinScene> {
    const manifest = join(kube.folder, 'rbac.yaml')
    writeFileSync(manifest, rbacManifest({ kind: 'user', name: 'rollcall' }))
    await kube.applyManifest(manifest)
    const pair = await kube.client({ name: 'rollcall' })
    const scene = new JoinScene(kube, kube.kubeconfig('rollcall', { pair }))
    await scene.inventory()
    return scene
  }

  /** Real time, that a test may push on. */
  override clock = () => (this.now + (Date.now() - this.#started)) as never
  readonly #started = Date.now()

  /** The cluster outlives the scene, and so would its tokens' names. */
  override random = (octets: number): Uint8Array => randomBytes(octets)

  /** This server's tasks; `servers` are those that it may ask. */
  override start(): this {
    this.#running = startTasks({
      ...this.deps,
      config: { kubeconfig: this.kubeconfig, servers: this.kube.urls },
      vault: openVault,
      metrics: { registry: new Registry() },
      log: pino({ level: process.env['ROLLCALL_TEST_LOG'] ?? 'silent' }),
      timing: { sweepMs: 200, orphansMs: 60_000, firstMs: 50, mostMs: 500 },
    })
    return this
  }

  override async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = undefined
  }

  /** A machine boots and is given its token. */
  async bearer(machine: Machine): Promise<Bearer> {
    await this.boots(machine)
    const token = await eventually('token that is ready', 60, () => {
      const token = this.token(machine)
      return token?.state === 'ready' ? token : undefined
    })
    const secret = openVault.open(token.secret!, bootTokenRecord(token))
    if (!secret.ok || token.id === undefined) throw new Error('the token does not open')
    await this.claims(machine)
    const text = `${token.id}.${secret.value}`
    return { text, token, kubeconfig: this.kube.kubeconfig(`token-${token.id}`, { token: text }) }
  }

  /** Sends a request as that bearer would, with openssl and kubectl. */
  async asks(bearer: Pick<Bearer, 'kubeconfig'>, asked: Asks) {
    const { name, node, signer, usages, ...how } = asked
    const pem = opensslRequest({ subject: `/O=system:nodes/CN=system:node:${node}`, ...how })
    const csr = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: pem.toString('base64'),
        signerName: signer ?? 'kubernetes.io/kube-apiserver-client-kubelet',
        usages: usages ?? ['digital signature', 'key encipherment', 'client auth'],
      },
    }
    return this.kube.kubectl(['create', '--filename', '-'], {
      kubeconfig: bearer.kubeconfig,
      input: JSON.stringify(csr),
      anyExit: true,
    })
  }

  /** The certificate that the cluster issues to a request. */
  certificate = (name: string): Promise<string> =>
    eventually(`certificate for ${name}`, 60, async () => {
      const csr = await this.kube.get('csr', name)
      const { certificate } = csr.status as { certificate?: string }
      return certificate && Buffer.from(certificate, 'base64').toString()
    })

  /** What the audit says about a request, once it says anything. */
  verdict = (name: string): Promise<string> =>
    eventually(`verdict on ${name}`, 60, async () => {
      const entries = await this.store.audit({ limit: 10_000 })
      const entry = entries.findLast(
        ({ kind, evidence }) => kind.startsWith('csr.') && evidence['request'] === name,
      )
      return entry && `${entry.kind} ${entry.reason ?? ''}`.trim()
    })

  conditions = async (name: string): Promise<readonly unknown[]> =>
    (await this.kube.get('csr', name)).status.conditions ?? []

  secrets = async (): Promise<readonly string[]> => {
    const { items } = await this.kube.get('secrets', '--namespace=kube-system')
    return (items as { metadata: { name: string } }[])
      .map(({ metadata }) => metadata.name)
      .filter((name) => name.startsWith('bootstrap-token-'))
  }

  /** A Node as its kubelet reports it, by the certificate that was issued to it. */
  async reportsReady(node: string, kernelBoot: string): Promise<void> {
    const at = new Date(this.clock()).toISOString().replace(/\.\d+Z/, 'Z')
    await this.kube.kubectl(['create', '--filename', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } }),
      anyExit: true,
    })
    const machineInfo = { machineID: 'm', systemUUID: 's', bootID: kernelBoot, kernelVersion: '6' }
    const software = {
      ...{ osImage: 'NixOS', containerRuntimeVersion: 'c', kubeletVersion: 'v1.20.2' },
      ...{ kubeProxyVersion: 'v1.20.2', operatingSystem: 'linux', architecture: 'amd64' },
    }
    const condition = {
      ...{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' },
      ...{ lastHeartbeatTime: at, lastTransitionTime: at },
    }
    const status = { nodeInfo: { ...machineInfo, ...software }, conditions: [condition] }
    await this.patchStatus(node, { status })
  }

  private async patchStatus(node: string, body: object): Promise<void> {
    const { cert, key } = await this.kube.client({ name: 'lab-admin', groups: ['system:masters'] })
    const path = `${this.kube.urls[0]}/api/v1/nodes/${node}/status`
    await new Promise<void>((done, failed) => {
      const sent = request(path, {
        method: 'PATCH',
        ...{ ca: this.kube.caPem, cert: readFileSync(cert), key: readFileSync(key) },
        headers: { 'content-type': 'application/strategic-merge-patch+json' },
      })
      sent.on('response', (response) => {
        response.resume()
        if (response.statusCode === 200) done()
        else failed(new Error(`PATCH ${path}: ${response.statusCode}`))
      })
      sent.on('error', failed)
      sent.end(JSON.stringify(body))
    })
  }
}
