import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Namespace } from '../net/lab.ts'
import { start, type Running } from '../net/lab-process.ts'
import { tool } from '../net/lab-tools.ts'
import { createPart, tails, type Part } from './part.ts'
import { debianProgram, kubernetesPrograms } from './programs.ts'

export interface KubeletOptions {
  /** A namespace for this kubelet alone: its ports are fixed. */
  readonly ns: Namespace
  /** The Node's name. */
  readonly hostname: string
  /** The namespace's address that the Node is to have; loopback is refused. */
  readonly address: string
  readonly bootstrapKubeconfig: string
  readonly labels?: Readonly<Record<string, string>>
  /** `key=value:Effect` */
  readonly taints?: readonly string[]
}

export interface Kubelet {
  /** Has started, no more: the caller waits for its CSR and its Node. It runs no pods. */
  readonly kubelet: Part
  readonly containerd: Part
  /** Where its client certificate is once issued, key and certificate in one file. */
  readonly clientCertificate: string
  /** What it uses from then on in place of the bootstrap kubeconfig. */
  readonly kubeconfig: string
  readonly logs: () => string
  readonly close: () => Promise<void>
}

export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const programs = await kubernetesPrograms()
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-kubelet-'))
  const socket = join(folder, 'containerd.sock')
  const kubeconfig = join(folder, 'kubeconfig')
  const certificates = join(folder, 'pki')

  const containerd = createPart(
    'containerd',
    () => startAside('containerd', options.ns, folder, containerdCommand(folder, socket)),
    (running) => running.text().includes('containerd successfully booted'),
    60,
  )
  const files = { folder, socket, kubeconfig, certificates }
  const argv = [programs.kubelet, ...kubeletArguments(options, files)]
  const kubelet = createPart(
    `kubelet ${options.hostname}`,
    () => startAside('kubelet', options.ns, folder, argv),
    () => true,
    10,
  )
  const close = async (): Promise<void> => {
    await kubelet.stop()
    await containerd.stop()
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    await containerd.start()
    await kubelet.start()
  } catch (error) {
    await close()
    throw error
  }
  const clientCertificate = join(certificates, 'kubelet-client-current.pem')
  const logs = (): string => tails([containerd, kubelet])
  return { kubelet, containerd, clientCertificate, kubeconfig, logs, close }
}

/** Absolute paths everywhere: with relative ones it writes its certificate and can't find it. */
function kubeletArguments(
  { hostname, address, bootstrapKubeconfig, labels = {}, taints = [] }: KubeletOptions,
  files: { folder: string; socket: string; kubeconfig: string; certificates: string },
): string[] {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return [
    `--bootstrap-kubeconfig=${bootstrapKubeconfig}`,
    ...[`--kubeconfig=${files.kubeconfig}`, `--cert-dir=${files.certificates}`],
    '--rotate-certificates',
    ...[`--hostname-override=${hostname}`, `--node-ip=${address}`],
    ...(pairs.length === 0 ? [] : [`--node-labels=${pairs.join(',')}`]),
    ...(taints.length === 0 ? [] : [`--register-with-taints=${taints.join(',')}`]),
    ...['--container-runtime=remote', `--container-runtime-endpoint=unix://${files.socket}`],
    ...[`--root-dir=${join(files.folder, 'kubelet')}`],
    `--volume-plugin-dir=${join(files.folder, 'volume-plugins')}`,
    // Device plugins have a folder of the machine's that no flag moves.
    '--feature-gates=DevicePlugins=false',
    ...['--cgroups-per-qos=false', '--enforce-node-allocatable=', '--cgroup-driver=cgroupfs'],
    ...['--fail-swap-on=false', '--make-iptables-util-chains=false', '--resolv-conf='],
    // The test machine's disk may be full by a kubelet's standards; its Node is to be Ready still.
    ...['--eviction-hard=memory.available<10Mi', '--image-gc-high-threshold=100'],
    // Ready is reported with a status, so this bounds how late. Default 10 s.
    '--node-status-update-frequency=1s',
    ...['--read-only-port=0', '--address=127.0.0.1'],
  ]
}

function containerdCommand(folder: string, socket: string): string[] {
  // Any CNI configuration makes the node's network ready; no plugin is run without a pod.
  const cni = join(folder, 'cni')
  mkdirSync(cni)
  const network = { cniVersion: '0.4.0', name: 'lab', plugins: [{ type: 'loopback' }] }
  writeFileSync(join(cni, '10-lab.conflist'), JSON.stringify(network))
  const config = join(folder, 'containerd.toml')
  writeFileSync(
    config,
    `version = 2
root = "${folder}/containerd/root"
state = "${folder}/containerd/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "${cni}"
bin_dir = "${folder}/no-plugins"
`,
  )
  return [debianProgram('containerd'), '--config', config, '--address', socket]
}

/**
 * In the test's network namespace, and in a mount namespace of its own, where what a kubelet does to
 * its machine stays: it sets six sysctls and makes folders in /var/log. Not with `ip netns exec`, which
 * mounts a /sys without cgroups.
 */
function startAside(name: string, ns: Namespace, folder: string, argv: readonly string[]): Running {
  const script = `set -eu
    mount -t tmpfs -o mode=755 log /var/log
    for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \\
      kernel/keys/root_maxkeys kernel/keys/root_maxbytes
    do
      cat /proc/sys/$name >"$1.sysctl"
      mount --bind "$1.sysctl" /proc/sys/$name
      rm "$1.sysctl"
    done
    shift
    exec "$@"`
  return start(name, [
    ...[tool('nsenter'), `--net=/run/netns/${ns.name}`, tool('unshare'), '--mount'],
    ...['sh', '-c', script, name, join(folder, name), ...argv],
  ])
}
