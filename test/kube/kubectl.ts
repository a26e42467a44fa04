import { run, type Output, type RunOptions } from '../net/lab-process.ts'

export interface KubectlOptions extends RunOptions {
  /** The administrator's, unless told otherwise. */
  readonly kubeconfig?: string
}

// What the API says is for the test to look into; a wrong guess fails its expectation.
// oxlint-disable-next-line typescript/no-explicit-any
export type ApiObject = any

export interface Kubectl {
  readonly kubectl: (args: readonly string[], options?: KubectlOptions) => Promise<Output>
  /** `kubectl get <args> -o json`, as the administrator. */
  readonly get: (...args: readonly string[]) => Promise<ApiObject>
  readonly apply: (...objects: readonly object[]) => Promise<void>
  readonly applyManifest: (file: string) => Promise<void>
}

interface Surroundings {
  /** kubectl with these words, where it can reach the cluster. */
  readonly argv: (args: readonly string[]) => string[]
  readonly cache: string
  readonly adminKubeconfig: string
  /** What a failure's message ends with. */
  readonly logs: () => string
}

export function createKubectl({ argv, cache, adminKubeconfig, logs }: Surroundings): Kubectl {
  const kubectl: Kubectl['kubectl'] = async (args, given = {}) => {
    const { kubeconfig = adminKubeconfig, ...options } = given
    const own = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${cache}`, '--request-timeout=20s']
    try {
      return await run(argv([...own, ...args]), options)
    } catch (error) {
      throw new Error(`${String(error)}\n${logs()}`, { cause: error })
    }
  }
  const get: Kubectl['get'] = async (...args) =>
    JSON.parse((await kubectl(['get', ...args, '--output=json'])).stdout)
  const apply: Kubectl['apply'] = async (...items) => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
    await kubectl(['apply', '--filename', '-'], { input })
  }
  const applyManifest = async (file: string): Promise<void> => {
    await kubectl(['apply', '--filename', file])
  }
  return { kubectl, get, apply, applyManifest }
}
