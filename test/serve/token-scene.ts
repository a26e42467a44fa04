import {
  ownedByMachine,
  storedTokenRecord,
  type BootstrapTokenId,
} from '../../src/core/boot-token.ts'
import type { Group } from '../../src/core/group.ts'
import type { Boot } from '../../src/core/boot.ts'
import type { Change } from '../../src/core/change.ts'
import type { Machine } from '../../src/core/machine.ts'
import type { Exchange } from '../../src/serve/connection.ts'
import type { ProvisioningDeps } from '../../src/serve/provisioning.ts'
import { sealingKey } from '../../src/store/seal.ts'
import { openVault } from '../../src/store/vault.ts'
import { bootId } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { seconds } from '../../src/values/time.ts'
import { macNumber } from '../support/inventory.ts'
import { provisioning, start } from './provisioning-scene.ts'

/** The secret that every test looks for where it must not be. */
export const secret = 's3cr3t7890abcdef'
export const tokenId = 'abc123' as BootstrapTokenId
export const whole = `${tokenId}.${secret}`

export const cluster = {
  server: 'https://192.0.2.10:6443',
  ca: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
}

export const group = (fields: Partial<Group> = {}): Group => ({
  name: 'workers',
  selector: {},
  token: 'stored',
  requires: new Set(['netboot', 'address']),
  window: seconds(600),
  nodeLabels: { rack: 'r12' },
  nodeTaints: ['fresh=yes:NoSchedule'],
  ...fields,
})

let nonces = 0
/** A nonce never comes twice under one key, not even in a test. */
const nonce = (octets: number): Uint8Array => {
  nonces += 1
  const bytes = Buffer.alloc(octets)
  bytes.writeUInt32BE(nonces)
  return bytes
}
export const testKey = must(sealingKey(Buffer.alloc(32, 7)))
export const vault = openVault([testKey], nonce)

export interface TokenScene {
  readonly group?: Partial<Group>
  readonly machine?: Partial<Machine>
  /** Kept as the machine's own token before anything happens; `false` for none. */
  readonly stored?: false
  readonly deps?: Partial<ProvisioningDeps>
  readonly exchange?: () => Exchange
}

/** The provisioning scene with one group, a stored token, and a NIC that asks DHCP before its script. */
export async function tokenScene(given: TokenScene = {}) {
  const { exchange } = given
  const scene = await provisioning({
    ...(given.machine && { machine: given.machine }),
    join: { groups: [group(given.group)], cluster, vault },
    ...(exchange && { exchangeOf: exchange }),
    ...given.deps,
  })
  const { store, change, worker, time, boot: fetchScript } = scene
  const owner = ownedByMachine(worker.id)
  const storedToken = (id: BootstrapTokenId = tokenId, text = secret): Change => ({
    kind: 'stored-token.put',
    token: {
      ...{ owner, id, updated: start },
      secret: must(vault.seal(text, storedTokenRecord({ owner, id }))),
    },
  })
  if (given.stored !== false) await change(storedToken())

  let powerOns = 0
  /** What DHCP does when the machine's firmware and iPXE ask. */
  const powerOn = async (seen: Boot['seen'] = { netboot: time.now }): Promise<void> => {
    powerOns += 1
    const id = bootId(
      time.now,
      Uint8Array.from({ length: 10 }, (_, at) => powerOns + at),
    )
    await change({
      kind: 'boot.put',
      boot: {
        ...{ id, machine: worker.id, mac: macNumber(1), stage: 'ipxe', outcome: 'running' },
        ...{ opened: time.now, updated: time.now, events: 1, seen },
      },
    })
  }
  const boot = async (seen?: Boot['seen']) => {
    await powerOn(seen)
    return fetchScript()
  }
  const token = () => store.facts.bootToken(scene.latest()!.id)
  const audit = () => store.audit({ limit: 1000 })
  /** A turn of the loop, for what is recorded after the answer. */
  const settled = async (): Promise<void> => {
    await store.events({ limit: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    await store.events({ limit: 1 })
  }
  return { ...scene, fetchScript, powerOn, boot, token, audit, storedToken, settled }
}
