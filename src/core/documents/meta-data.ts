import type { Hostname } from '../../values/hostname.ts'
import type { MachineId } from '../../values/ids.ts'
import { yaml } from './yaml.ts'

export interface MetaData {
  /** Never changes for a machine: a new one makes cloud-init run everything again on a kept disk. */
  readonly instanceId: MachineId
  readonly hostname: Hostname
}

/** NoCloud `meta-data`: YAML. Without it, or with an error on it, a machine comes up as `localhost`. */
export const metaData = ({ instanceId, hostname }: MetaData): string =>
  yaml({ 'instance-id': instanceId, 'local-hostname': hostname })
