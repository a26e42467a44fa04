import { OpenAPIHono } from '@hono/zod-openapi'
import type { ImageFiles } from '../image-files.ts'
import type { Store } from '../../store/store.ts'
import type { SubnetName } from '../../values/ids.ts'
import type { Ipv4 } from '../../values/ipv4.ts'
import type { Mac } from '../../values/mac.ts'
import type { EpochMs } from '../../values/time.ts'
import { invalid } from './problem.ts'
import { zodProblems } from './zod-problems.ts'

/** A MAC that asked for something and that no machine of the inventory has. */
export interface Stranger {
  readonly mac: Mac
  readonly firstSeen: EpochMs
  readonly lastSeen: EpochMs
  readonly subnet?: SubnetName
  readonly relay?: Ipv4
  /** DHCP option 93. */
  readonly arch?: number
}

/** What the management API needs of the server that it is part of. */
export interface ManagementDeps {
  readonly store: Store
  readonly clock: () => EpochMs
  readonly random: (bytes: number) => Uint8Array
  readonly imageFiles: ImageFiles
  readonly version: string
  /** A prom-client registry, or anything like it. */
  readonly metrics?: { readonly contentType: string; readonly metrics: () => Promise<string> }
  readonly strangers?: () => Iterable<Stranger>
  /** Whether every listener is up. */
  readonly ready?: () => boolean
  /** Ends the event streams, which would keep a draining server open. */
  readonly stopping?: AbortSignal
  readonly log: { readonly error: (details: object, message: string) => void }
}

/** A part of the API; what its schemas refuse becomes 422 with the fields named. */
export const newApi = () =>
  new OpenAPIHono({
    defaultHook: (result, context) => {
      if (!result.success) return invalid(context, zodProblems(result.error))
      return undefined
    },
  })
