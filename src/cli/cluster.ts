import type { Command } from 'commander'
import { rbacManifest, type Subject } from '../serve/kubernetes/manifest.ts'
import { CliError } from './error.ts'
import { print } from './table.ts'

export function clusterCommands(program: Command): void {
  const cluster = program
    .command('cluster')
    .description('the Kubernetes cluster that machines join')

  cluster
    .command('manifest')
    .description('print the RBAC objects that rollcall needs, for kubectl apply -f -')
    .option('--user <name>', 'who rollcall is to the cluster: the CN of its client certificate')
    .option('--service-account <namespace/name>', 'or the account of its pod')
    .action((options: { user?: string; serviceAccount?: string }) => {
      print(rbacManifest(subjectOf(options)))
    })
}

function subjectOf(options: { user?: string; serviceAccount?: string }): Subject {
  const { user, serviceAccount } = options
  if (serviceAccount === undefined) return { kind: 'user', name: user ?? 'rollcall' }
  if (user !== undefined) throw new CliError('give --user or --service-account, not both')
  const [namespace = '', name = '', ...rest] = serviceAccount.split('/')
  if (namespace === '' || name === '' || rest.length > 0) {
    throw new CliError(`--service-account '${serviceAccount}' is not like kube-system/rollcall`)
  }
  return { kind: 'service-account', namespace, name }
}
