import { Counter, type Registry } from 'prom-client'
import type { JoinOptions, JoinVerdict } from '../../core/join.ts'
import { seconds, type Seconds } from '../../values/time.ts'
import { startApprover } from './approver.ts'
import { openCluster } from './client.ts'
import type { Sealer, Task, TaskDeps } from './deps.ts'
import { startMinter } from './minter.ts'
import { startNodes } from './nodes.ts'
import { openTransport } from './transport.ts'

export interface ClusterConfig {
  /** A kubeconfig file; without one, the account of the pod that rollcall runs in. */
  readonly kubeconfig?: string | undefined
  /** URLs of API servers to try in turn, instead of the kubeconfig's one. */
  readonly servers?: readonly string[] | undefined
  /** Tells this rollcall's Secrets from those of another one in the same cluster. */
  readonly instance?: string | undefined
  /** Default: leave alone. */
  readonly wrongRequests?: JoinOptions['wrong'] | undefined
  /** Default: 900 s from the boot script to the Ready node. */
  readonly readyWithin?: Seconds | undefined
}

export interface ClusterDeps extends Omit<TaskDeps, 'cluster'> {
  readonly config: ClusterConfig
  readonly vault: Sealer
  readonly metrics: { readonly registry: Registry }
}

/**
 * All that rollcall does beside a cluster: minting tokens, approving certificates, watching nodes.
 * Started whether the cluster is there or not; it is waited for.
 * @throws Error when the kubeconfig cannot be used, in words that say so
 */
export function startCluster(deps: ClusterDeps): Task {
  const { config, vault, metrics } = deps
  const transport = openTransport({
    ...(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }),
    ...(config.servers === undefined ? {} : { servers: config.servers }),
  })
  const cluster = openCluster(transport, config.instance ?? 'rollcall')
  const verdicts = new Counter<'verdict'>({
    name: 'rollcall_certificate_requests_total',
    help: 'Certificate requests judged, by verdict',
    labelNames: ['verdict'],
    registers: [metrics.registry],
  })
  const given = { ...deps, cluster }
  const tasks = [
    startMinter({ ...given, vault }),
    startApprover({
      ...given,
      options: { wrong: config.wrongRequests ?? 'leave-alone' },
      onVerdict: (verdict: JoinVerdict['kind']) => verdicts.inc({ verdict }),
    }),
    startNodes({ ...given, readyWithin: config.readyWithin ?? seconds(900) }),
  ]
  return {
    async stop() {
      await Promise.all(tasks.map((task) => task.stop()))
      transport.close()
    },
  }
}
