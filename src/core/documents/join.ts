import type { Hostname } from '../../values/hostname.ts'
import { yaml } from './yaml.ts'

/** The cluster as a machine that joins it has to know it. */
export interface Cluster {
  /** The API server, like `https://192.0.2.10:6443`. */
  readonly server: string
  /** PEM. */
  readonly ca: string
}

export interface NodeFields {
  readonly hostname: Hostname
  readonly labels: Readonly<Record<string, string>>
  /** Like `key=value:NoSchedule`. */
  readonly taints: readonly string[]
}

export interface JoinFiles {
  readonly node?: NodeFields | undefined
  /** With a token only. */
  readonly bootstrap?: { readonly cluster: Cluster; readonly token: string } | undefined
}

/** The worker image looks for them there: /run is gone when the machine is switched off. */
const bootstrapKubeconfigPath = '/run/rollcall/bootstrap-kubeconfig'
const kubeletEnvPath = '/run/rollcall/kubelet.env'

export interface FileEntry {
  readonly path: string
  readonly owner: string
  readonly permissions: string
  readonly content: string
}

/**
 * cloud-init `write_files`. The kubeconfig is the last: the image's kubelet starts when it appears,
 * and must find the rest.
 */
export function joinFiles({ node, bootstrap }: JoinFiles): readonly FileEntry[] {
  const secret = { owner: 'root:root', permissions: '0600' }
  return [
    ...(node ? [{ path: kubeletEnvPath, ...secret, content: kubeletEnv(node) }] : []),
    ...(bootstrap
      ? [{ path: bootstrapKubeconfigPath, ...secret, content: bootstrapKubeconfig(bootstrap) }]
      : []),
  ]
}

/**
 * systemd `EnvironmentFile=`: `KUBELET_NODE_ARGS` is for `$KUBELET_NODE_ARGS`, which systemd splits at
 * blanks. Names, labels and taints have none, nor quotes: they were checked where they came in.
 */
function kubeletEnv({ hostname, labels, taints }: NodeFields): string {
  const labelList = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
  const args = [
    `--hostname-override=${hostname}`,
    ...(labelList === '' ? [] : [`--node-labels=${labelList}`]),
    ...(taints.length === 0 ? [] : [`--register-with-taints=${taints.join(',')}`]),
  ]
  return [
    `NODE_NAME=${hostname}`,
    `NODE_LABELS=${labelList}`,
    `NODE_TAINTS=${taints.join(',')}`,
    `KUBELET_NODE_ARGS=${args.join(' ')}`,
    '',
  ].join('\n')
}

/** Kubernetes, "TLS bootstrapping": what `kubelet --bootstrap-kubeconfig` takes. */
const bootstrapKubeconfig = ({ cluster, token }: NonNullable<JoinFiles['bootstrap']>): string =>
  yaml({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'cluster',
        cluster: {
          server: cluster.server,
          'certificate-authority-data': Buffer.from(cluster.ca).toString('base64'),
        },
      },
    ],
    users: [{ name: 'bootstrap', user: { token } }],
    contexts: [{ name: 'bootstrap', context: { cluster: 'cluster', user: 'bootstrap' } }],
    'current-context': 'bootstrap',
  })
