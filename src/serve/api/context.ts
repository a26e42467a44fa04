import { OpenAPIHono } from '@hono/zod-openapi'
import type { ImageFiles } from '../image-files.ts'
import type { Stranger } from '../strangers.ts'
import type { Group } from '../../core/group.ts'
import type { Store } from '../../store/store.ts'
import type { Vault } from '../../store/vault.ts'
import type { EpochMs } from '../../values/time.ts'
import { invalid } from './problem.ts'
import { zodProblems } from './zod-problems.ts'

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
  /** Machines that join the cluster in the same way. */
  readonly groups?: readonly Group[]
  /** Without one no token can be stored. */
  readonly vault?: Vault
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
