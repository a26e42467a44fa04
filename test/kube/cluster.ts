import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Namespace } from '../net/lab.ts'
import { run, start } from '../net/lab-process.ts'
import { tool } from '../net/lab-tools.ts'
import { createAuthority, type KeyPair, type Subject } from './authority.ts'
import { apiServerCommand, controllersCommand, etcdCommand } from './control-plane.ts'
import type { ControlPlane } from './control-plane.ts'
import { createKubectl, type Kubectl } from './kubectl.ts'
import { createPart, tails, type Part } from './part.ts'
import { freePorts, usualPorts } from './ports.ts'
import { kubernetesPrograms } from './programs.ts'

export interface ClusterOptions {
  /** Where it runs. Without one: on free ports of 127.0.0.1, and root is not needed. */
  readonly ns?: Namespace
  /** The namespace's address at which others reach the API servers. Default 127.0.0.1. */
  readonly address?: string
  /** API servers on the one etcd. Default 1. */
  readonly servers?: 1 | 2
  /** The server ends a watch that names no timeout after one to two times this. Default 5. */
  readonly watchSeconds?: number
  /** How long the certificates that it signs are good for from now, in seconds. Default a day. */
  readonly certificateSeconds?: number
}

/** Who somebody is to the API server. */
export type Credential = { readonly token: string } | { readonly pair: KeyPair }

export interface Cluster extends Kubectl {
  readonly folder: string
  /** The API servers' URLs, in the order of `api`. */
  readonly urls: readonly string[]
  /** The certificate authority's certificate: a file, and as PEM. */
  readonly caFile: string
  readonly caPem: string
  readonly api: readonly Part[]
  readonly etcd: Part
  readonly controllers: Part
  /** Of a member of system:masters, for the first API server. */
  readonly adminKubeconfig: string
  /** A client certificate of the cluster's authority. */
  readonly client: (subject: Subject) => Promise<KeyPair>
  /** A kubeconfig file with everything inline, as a machine gets it. */
  readonly kubeconfig: (name: string, who: Credential, server?: number) => string
  /** The last lines of every part. */
  readonly logs: () => string
  readonly close: () => Promise<void>
}

/** A control plane that is ready: etcd, API servers, and the controllers that sign CSRs. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { ns, servers = 1, address = '127.0.0.1' } = options
  const programs = await kubernetesPrograms()
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-kube-'))
  const tasks: (() => Promise<unknown> | void)[] = [
    () => rmSync(folder, { recursive: true, force: true }),
  ]
  const close = async (): Promise<void> => {
    for (const task of tasks.splice(0).reverse()) await task()
  }

  try {
    const authority = await createAuthority(folder)
    const ports = ns === undefined ? await freePorts() : usualPorts
    const urls = ports.api.slice(0, servers).map((port) => `https://${address}:${port}`)

    const client: Cluster['client'] = (subject) => {
      const file = `client-${subject.name.replaceAll(/[^a-z0-9-]/gi, '-')}`
      return authority.client(file, subject)
    }
    const kubeconfig: Cluster['kubeconfig'] = (name, who, server = 0) => {
      const file = join(folder, `${name}.kubeconfig`)
      writeFileSync(file, kubeconfigText(urls[server]!, authority.pem, who), { mode: 0o600 })
      return file
    }
    const admin = await client({ name: 'admin', groups: ['system:masters'] })
    const adminKubeconfig = kubeconfig('admin', { pair: admin })

    const plane: ControlPlane = {
      ...{ programs, folder, authority, address, ports },
      bind: ns === undefined ? '127.0.0.1' : '0.0.0.0',
      serverCertificate: await authority.server('server', [...new Set([address, '127.0.0.1'])]),
      serviceAccountKey: writeServiceAccountKey(folder),
      watchSeconds: options.watchSeconds ?? 5,
      certificateSeconds: options.certificateSeconds ?? 86_400,
      controllersKubeconfig: kubeconfig('controllers', { pair: admin }, servers - 1),
    }

    const inside = (argv: readonly string[]): string[] => ns?.argv(argv) ?? [...argv]
    const answers = async (url: string): Promise<boolean> => {
      const curl = [tool('curl'), '--silent', '--fail', '--max-time', '5', '--insecure', url]
      return (await run(inside(curl), { anyExit: true })).code === 0
    }
    const part = (name: string, argv: readonly string[], url: string): Part => {
      const made = createPart(
        name,
        () => start(name, inside(argv)),
        () => answers(url),
        120,
      )
      tasks.push(() => made.stop())
      return made
    }

    const etcd = part('etcd', etcdCommand(plane), `http://127.0.0.1:${ports.etcdClients}/health`)
    const api = urls.map((url, index) =>
      part(`kube-apiserver ${index}`, apiServerCommand(plane, ports.api[index]!), `${url}/readyz`),
    )
    const controllers = part(
      'kube-controller-manager',
      controllersCommand(plane),
      `https://127.0.0.1:${ports.controllers}/healthz`,
    )
    const logs = (): string => tails([etcd, ...api, controllers])

    const kubectl = createKubectl({
      argv: (args) => inside([programs.kubectl, ...args]),
      cache: join(folder, 'kubectl'),
      adminKubeconfig,
      logs,
    })

    await etcd.start()
    await Promise.all(api.map((each) => each.start()))
    await controllers.start()

    return {
      ...{ folder, urls, caFile: authority.cert, caPem: authority.pem, api, etcd, controllers },
      ...{ adminKubeconfig, client, kubeconfig, ...kubectl, logs, close },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** JSON is YAML. */
function kubeconfigText(server: string, caPem: string, who: Credential): string {
  const data = (file: string): string => readFileSync(file).toString('base64')
  const user =
    'token' in who
      ? { token: who.token }
      : {
          'client-certificate-data': data(who.pair.cert),
          'client-key-data': data(who.pair.key),
        }
  const cluster = {
    server,
    'certificate-authority-data': Buffer.from(caPem).toString('base64'),
  }
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'lab' },
    clusters: [{ name: 'lab', cluster }],
    users: [{ name: 'lab', user }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab' } }],
  })
}

function writeServiceAccountKey(folder: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const file = join(folder, 'service-account.key')
  writeFileSync(file, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 })
  return file
}
