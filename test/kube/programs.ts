import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { run } from '../net/lab-process.ts'

/** Full paths of what test/kube/build.sh has built. */
export interface KubernetesPrograms {
  readonly apiServer: string
  readonly controllerManager: string
  readonly kubelet: string
  readonly kubectl: string
}

/** Built once for each recipe, which takes some ten minutes of two cores; then from the cache. */
export async function kubernetesPrograms(): Promise<KubernetesPrograms> {
  const recipe = join(import.meta.dirname, 'build.sh')
  const { stdout } = await run(['bash', recipe], { seconds: 3000 })
  const folder = stdout.trim()
  return {
    apiServer: join(folder, 'kube-apiserver'),
    controllerManager: join(folder, 'kube-controller-manager'),
    kubelet: join(folder, 'kubelet'),
    kubectl: join(folder, 'kubectl'),
  }
}

/** What runs beside them, and the Debian package that brings each. */
const packageOf = { containerd: 'containerd', etcd: 'etcd-server', openssl: 'openssl' } as const

export function debianProgram(name: keyof typeof packageOf): string {
  const path = `/usr/bin/${name}`
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch {
    throw new Error(
      `${name} is missing: apt-get install ${packageOf[name]} (see test/packages.txt)`,
    )
  }
}
