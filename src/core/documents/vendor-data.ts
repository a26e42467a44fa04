import type { Hostname } from '../../values/hostname.ts'
import { yaml } from './yaml.ts'

export interface VendorData {
  readonly hostname: Hostname
  /** The NoCloud base URL of this boot; ends in `/`. It is also what says who reports. */
  readonly seed: string
}

/**
 * NoCloud `vendor-data`: how the machine reports back. It stands here and not in user-data, because
 * here it survives a user-data that cannot be parsed.
 */
export const vendorData = ({ hostname, seed }: VendorData): string =>
  `#cloud-config\n${yaml({
    // Any further key (`level`, say) makes cloud-init 22.4 report an error for every stage.
    reporting: { rollcall: { type: 'webhook', endpoint: `${seed}events` } },
    phone_home: {
      url: `${seed}phone-home`,
      post: ['instance_id', 'hostname', 'fqdn'],
      tries: 10,
    },
    // Of a name with dots cloud-init would set the first label only, and the node join under that.
    ...(hostname.includes('.') ? { prefer_fqdn_over_hostname: true } : {}),
  })}`
