import { existsSync, readFileSync } from 'node:fs'
import { ownedByMachine, storedTokenRecord } from '../../src/core/boot-token.ts'
import { defaultSeedArgument } from '../../src/core/image.ts'
import type { Change, Decided } from '../../src/core/change.ts'
import type { Facts } from '../../src/core/facts.ts'
import { socketExchange, type ExchangeOf } from '../../src/serve/connection.ts'
import { startHttpListener } from '../../src/serve/http-listener.ts'
import { provisioningApp } from '../../src/serve/provisioning.ts'
import { startTokenKeeper } from '../../src/serve/token-keeper.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import type { ImageName, Sha256 } from '../../src/values/ids.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, machine, macNumber, subnet } from '../support/inventory.ts'
import { cluster, group, secret, tokenId, vault } from './token-scene.ts'
import type { FaultPoint } from './release-crash.ts'

/**
 * The provisioning listener on a real database, in a process that kills itself at one point of a
 * release: SIGKILL, so that nothing is tidied up.
 *   argv: the database, the fault point or `none`
 */
const [, , path = '', point = 'none'] = process.argv
const die = (here: FaultPoint): void => {
  if (here === point) process.kill(process.pid, 'SIGKILL')
}

const isNew = !existsSync(path)
const store = openSqliteStore({ path })
const clock = () => epochMs(Date.now())
const worker = machine('worker-1', { address: ip('127.0.0.1') })
if (isNew) await fill()

/** Which release step an update is, seen by what it changes. */
const stepOf = (changes: readonly Change[]): 'claim' | 'sent' | undefined => {
  const state = changes.find((change) => change.kind === 'boot-token.put')?.token.state
  return state === 'claimed' ? 'claim' : state === 'sent' ? 'sent' : undefined
}

const faulty: Store = {
  ...bound(store),
  async update<T>(decide: (facts: Facts) => Decided<T>): Promise<T> {
    let step: ReturnType<typeof stepOf>
    const result = await store.update((facts) => {
      const decided = decide(facts)
      step = stepOf(decided.changes)
      if (step) die(`${step} decided`)
      return decided
    })
    if (step) die(`${step} durable`)
    return result
  },
}

const exchangeOf: ExchangeOf = (c) => {
  die('asked')
  const real = socketExchange(c)
  return {
    isOpen: real.isOpen,
    onEnd: (ended) => {
      die('answer made')
      real.onEnd((whole) => {
        die('answer gone')
        ended(whole)
      })
    },
  }
}

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const netboot = (name: string): string =>
  readFileSync(new URL(`../../netboot/${name}.ipxe`, import.meta.url), 'utf8')
await startTokenKeeper({ store, clock, vault, isNeeded: true, log })
const app = provisioningApp({
  ...{ store: faulty, clock, log, exchangeOf },
  random: (octets) => crypto.getRandomValues(new Uint8Array(octets)),
  join: { groups: [group()], cluster, vault },
  images: { load: () => Promise.reject(new Error('no image here')) },
  bootFiles: { entry: () => undefined },
  scripts: {
    ...{ boot: netboot('boot'), unregistered: netboot('unregistered') },
    ...{ wait: netboot('wait'), autoexec: netboot('autoexec') },
  },
  onStranger: () => {},
})
const listener = await startHttpListener({ app, address: '127.0.0.1', port: 0 })
process.stdout.write(`listening ${listener.port}\n`)

async function fill(): Promise<void> {
  const now = clock()
  const owner = ownedByMachine(worker.id)
  const file = { sha256: '0'.repeat(64) as Sha256, size: 1 }
  const changes: readonly Change[] = [
    { kind: 'subnet.put', subnet: subnet() },
    { kind: 'machine.put', machine: worker },
    {
      kind: 'image.put',
      image: {
        ...{ name: 'w' as ImageName, arch: 'x86_64', commandLine: '', ready: true, created: now },
        ...{ seedArgument: defaultSeedArgument, files: { kernel: file, initrd: file } },
      },
    },
    { kind: 'default-image.set', name: 'w' as ImageName },
    {
      kind: 'stored-token.put',
      token: {
        ...{ owner, id: tokenId, updated: now },
        secret: must(vault.seal(secret, storedTokenRecord({ owner, id: tokenId }))),
      },
    },
    {
      kind: 'boot.put',
      boot: {
        ...{ id: '0' as never, machine: worker.id, mac: macNumber(1), stage: 'ipxe' },
        ...{ outcome: 'running', opened: now, updated: now, events: 1, seen: { netboot: now } },
      },
    },
  ]
  await store.update(() => ({ changes, result: undefined }))
}

function bound(real: Store): Store {
  return {
    facts: real.facts,
    update: (decide) => real.update(decide),
    boots: (query) => real.boots(query),
    boot: (id) => real.boot(id),
    events: (query) => real.events(query),
    audit: (query) => real.audit(query),
    subscribe: (listener) => real.subscribe(listener),
    prune: (keep) => real.prune(keep),
    close: () => real.close(),
  }
}
