import { openVault } from '../../src/store/vault.ts'
import { bootTokenRecord, type BootstrapTokenId } from '../../src/core/boot-token.ts'
import type { Change } from '../../src/core/change.ts'
import { startHttpListener } from '../../src/serve/http-listener.ts'
import { provisioningApp } from '../../src/serve/provisioning.ts'
import { seedDigest } from '../../src/serve/seed.ts'
import { sealingKey } from '../../src/store/seal.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { bootId, type ImageName, type SeedKey } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { after, epochMs, seconds } from '../../src/values/time.ts'
import { ip, machine, macNumber } from '../support/inventory.ts'

/** argv: the database, how many machines, `with` or `without` tokens */
const [, , path = '', count = '0', tokens = 'with'] = process.argv
const random = (octets: number) => crypto.getRandomValues(new Uint8Array(octets))
const clock = () => epochMs(Date.now())
const vault = openVault([must(sealingKey(random(32)))], random)
const store = openSqliteStore({ path })
const now = clock()
const window = seconds(3600)

const changes: Change[] = []
for (let n = 1; n <= Number(count); n += 1) {
  const { id, hostname, ...rest } = machine(`worker-${n}`, {
    macs: [macNumber(n)],
    address: ip(`127.1.${n >> 8}.${n & 255}`),
  })
  const boot = bootId(now, random(10))
  const seed = seedDigest(`seed${n}` as SeedKey)
  const issued = { hostname, image: 'w' as ImageName, seed, at: now }
  changes.push(
    { kind: 'machine.put', machine: { id, hostname, ...rest } },
    {
      kind: 'boot.put',
      boot: {
        ...{
          id: boot,
          machine: id,
          mac: macNumber(n),
          stage: 'script',
          outcome: 'running',
          issued,
        },
        ...{ opened: now, updated: now, events: 1, seen: { netboot: now } },
      },
    },
  )
  if (tokens !== 'with') continue
  const secret = must(vault.seal('0123456789abcdef', bootTokenRecord({ boot, machine: id })))
  changes.push({
    kind: 'boot-token.put',
    token: {
      ...{ boot, machine: id, hostname, source: 'minted', state: 'ready', inCluster: true },
      ...{ id: `t${String(n).padStart(5, '0')}` as BootstrapTokenId, secret },
      expires: after(now, window),
    },
  })
}
await store.update(() => ({ changes, result: undefined }))

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error }
const app = provisioningApp({
  ...{ store, clock, random, log },
  join: {
    groups: [
      {
        ...{ name: 'workers', selector: {}, token: 'minted', window },
        ...{
          requires: new Set(['netboot', 'address']),
          nodeLabels: { rack: 'r1' },
          nodeTaints: [],
        },
      },
    ],
    cluster: { server: 'https://192.0.2.10:6443', ca: 'x'.repeat(1200) },
    vault,
  },
  images: { load: () => Promise.reject(new Error('no image here')) },
  bootFiles: { entry: () => undefined },
  scripts: { boot: '', unregistered: '', wait: '', autoexec: '' },
  onStranger: () => {},
})
const listener = await startHttpListener({ app, address: '127.0.0.1', port: 0 })
process.stdout.write(`listening ${listener.port}\n`)
