import { join } from 'node:path'
import type { Authority, KeyPair } from './authority.ts'
import type { Ports } from './ports.ts'
import { debianProgram, type KubernetesPrograms } from './programs.ts'

/** What the programs of one control plane have in common. */
export interface ControlPlane {
  readonly programs: KubernetesPrograms
  readonly folder: string
  readonly authority: Authority
  readonly ports: Ports
  /** Where clients reach the API servers, which listen on `bind`. */
  readonly address: string
  readonly bind: string
  readonly serverCertificate: KeyPair
  readonly serviceAccountKey: string
  /** See ClusterOptions. */
  readonly watchSeconds: number
  readonly certificateSeconds: number
  readonly controllersKubeconfig: string
}

export function etcdCommand({ folder, ports }: ControlPlane): string[] {
  const client = `http://127.0.0.1:${ports.etcdClients}`
  const peer = `http://127.0.0.1:${ports.etcdPeers}`
  return [
    debianProgram('etcd'),
    ...['--name=lab', `--data-dir=${join(folder, 'etcd')}`],
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
    `--initial-cluster=lab=${peer}`,
    // With two busy cores a disk can take longer than 100 ms; one member has nobody to elect anyway.
    ...['--heartbeat-interval=500', '--election-timeout=5000'],
  ]
}

export function apiServerCommand(plane: ControlPlane, port: number): string[] {
  const { programs, folder, authority, serverCertificate, serviceAccountKey } = plane
  return [
    programs.apiServer,
    `--etcd-servers=http://127.0.0.1:${plane.ports.etcdClients}`,
    ...[`--bind-address=${plane.bind}`, `--secure-port=${port}`, '--insecure-port=0'],
    ...[`--tls-cert-file=${serverCertificate.cert}`],
    ...[`--tls-private-key-file=${serverCertificate.key}`],
    `--client-ca-file=${authority.cert}`,
    '--enable-bootstrap-token-auth',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    // It must have them, though nothing here uses a service account.
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${serviceAccountKey}`,
    `--service-account-signing-key-file=${serviceAccountKey}`,
    '--service-cluster-ip-range=203.0.113.0/24',
    // It refuses to publish a loopback address as the cluster's own; nobody here looks for it.
    ...[`--advertise-address=${plane.address}`, '--endpoint-reconciler-type=none'],
    // A watch that names no timeout of its own ends after one to two times this.
    `--min-request-timeout=${plane.watchSeconds}`,
    `--cert-dir=${join(folder, 'run')}`,
    '--profiling=false',
  ]
}

export function controllersCommand(plane: ControlPlane): string[] {
  const { authority } = plane
  return [
    plane.programs.controllerManager,
    // Not csrapproving: it lets any bootstrap token be any node.
    '--controllers=csrsigning,bootstrapsigner,tokencleaner',
    `--kubeconfig=${plane.controllersKubeconfig}`,
    `--cluster-signing-cert-file=${authority.cert}`,
    `--cluster-signing-key-file=${authority.key}`,
    // It dates certificates back by five minutes, and counts from there.
    `--cluster-signing-duration=${plane.certificateSeconds + 300}s`,
    ...['--bind-address=127.0.0.1', `--secure-port=${plane.ports.controllers}`, '--port=0'],
    ...['--leader-elect=false', `--cert-dir=${join(plane.folder, 'run')}`, '--profiling=false'],
  ]
}
