import { z } from '@hono/zod-openapi'
import { isMap, parseDocument } from 'yaml'
import type { Machine } from '../../core/machine.ts'
import { labelKeyProblem, labelValueProblem, serialProblem } from '../../core/inventory-fields.ts'
import { formatIpv4 } from '../../values/ipv4.ts'
import { formatTime } from '../../values/time.ts'
import { address, checkedBy, fieldsOf, hostname, mac, time, uuid } from './schema.ts'

const labelKey = checkedBy(labelKeyProblem, { example: 'rack' })
const labelValue = checkedBy(labelValueProblem, { example: 'r12' })

/** Characters. A machine's user-data is fetched by small clients and kept in memory for all of them. */
const cloudConfigLimit = 65_536

const cloudConfig = z
  .string()
  .max(cloudConfigLimit)
  .openapi({ example: '#cloud-config\npackages: [htop]\n', description: 'YAML: a mapping' })
  .superRefine((text, context) => {
    const problem = cloudConfigProblem(text)
    if (problem !== undefined)
      context.issues.push({ code: 'custom', message: problem, input: text })
  })

export const machineFieldsSchema = fieldsOf('a machine', {
  hostname: hostname.optional(),
  macs: z.array(mac).min(1).max(64),
  address: address.optional(),
  serial: checkedBy(serialProblem, { example: 'CZ1234ABCD' }).optional(),
  uuid: uuid.optional(),
  labels: z.record(labelKey, labelValue).default({}),
  cloudConfig: cloudConfig.optional(),
}).openapi('MachineFields')

export const machineSchema = z
  .object({
    id: z.string().openapi({ description: 'never changes; cloud-init knows it as instance-id' }),
    hostname: z.string(),
    macs: z.array(z.string()),
    address: z.string().optional(),
    serial: z.string().optional(),
    uuid: z.string().optional(),
    labels: z.record(z.string(), z.string()),
    cloudConfig: z.string().optional(),
    version: z.int(),
    created: time,
    updated: time,
  })
  .openapi('Machine')
export type MachineView = z.infer<typeof machineSchema>

export const machineView = (machine: Machine): MachineView => ({
  id: machine.id,
  hostname: machine.hostname,
  macs: [...machine.macs],
  ...(machine.address === undefined ? {} : { address: formatIpv4(machine.address) }),
  ...(machine.serial === undefined ? {} : { serial: machine.serial }),
  ...(machine.uuid === undefined ? {} : { uuid: machine.uuid }),
  labels: { ...machine.labels },
  ...(machine.cloudConfig === undefined ? {} : { cloudConfig: machine.cloudConfig }),
  version: machine.version,
  created: formatTime(machine.created),
  updated: formatTime(machine.updated),
})

/** cloud-init takes a mapping and nothing else, and finds out on the machine: too late. */
function cloudConfigProblem(text: string): string | undefined {
  const document = parseDocument(text, { schema: 'core', logLevel: 'silent' })
  const [error] = document.errors
  if (error) return `is not YAML: ${error.message.split('\n')[0]}`
  if (!isMap(document.contents)) return 'must be a YAML mapping, like "packages: [htop]"'
  try {
    document.toJS({ maxAliasCount: 100 })
  } catch (failure) {
    return `is not usable YAML: ${(failure as Error).message}`
  }
  return undefined
}
