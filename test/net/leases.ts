import type { LeaseView } from '../../src/serve/api/leases.ts'
import type { StrangerView } from '../../src/serve/api/unregistered.ts'
import type { Rollcall } from './lab-rollcall.ts'

export async function leases(rollcall: Rollcall): Promise<readonly LeaseView[]> {
  return (await rollcall.api('GET', '/api/v1/leases')).body.leases
}

/** The NIC's lease in whatever state, in the one subnet that it is in. */
export async function leaseOf(rollcall: Rollcall, mac: string): Promise<LeaseView | undefined> {
  return (await leases(rollcall)).find((lease) => lease.mac === mac)
}

export async function strangerOf(
  rollcall: Rollcall,
  mac: string,
): Promise<StrangerView | undefined> {
  const { body } = await rollcall.api('GET', '/api/v1/unregistered')
  const strangers: readonly StrangerView[] = body.unregistered
  return strangers.find((stranger) => stranger.mac === mac)
}
