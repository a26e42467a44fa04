import { describe, expect, test } from 'vitest'
import { bootTokenRecord, type BootToken } from '../../src/core/boot-token.ts'
import { secretsStatus, startTokenKeeper, withhold } from '../../src/serve/token-keeper.ts'
import { keyIdOf, sealingKey } from '../../src/store/seal.ts'
import { closedVault, openVault, type Vault } from '../../src/store/vault.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { start } from './provisioning-scene.ts'
import { secret, testKey, tokenId, tokenScene, vault } from './token-scene.ts'

const newKey = must(sealingKey(Buffer.alloc(32, 8)))
const random = (octets: number) => crypto.getRandomValues(new Uint8Array(octets))

async function scene(state: BootToken['state'] = 'ready') {
  const found = await tokenScene({ group: { token: 'minted' } })
  await found.boot()
  const { secret: _none, ...wanted } = found.token()!
  const sealed = must(vault.seal(secret, bootTokenRecord(wanted)))
  const token: BootToken = { ...wanted, state, id: tokenId, secret: sealed, inCluster: true }
  await found.change({ kind: 'boot-token.put', token })
  const said: string[] = []
  const write = (...line: unknown[]): void => void said.push(String(line.at(-1)))
  const log = { info: write, warn: write, error: write }
  const keeper = async (given: Vault): Promise<void> => {
    const { store, time } = found
    const clock = () => time.now
    const running = await startTokenKeeper({ store, clock, vault: given, isNeeded: true, log })
    await store.events({ limit: 1 })
    running.stop()
  }
  return { ...found, said, keeper }
}

describe('at a start', () => {
  test('what was on its way out is lost, with an entry in the audit', async () => {
    const { keeper, token, audit, events } = await scene('claimed')
    await keeper(vault)
    expect(token()).toMatchObject({ state: 'lost', why: 'the server stopped while it went out' })
    expect((await audit()).at(-1)).toMatchObject({ kind: 'token.lost', token: tokenId })
    expect((await events()).at(-1)).toMatchObject({ kind: 'token.lost' })
  })

  test('everything is sealed again under a new key, and the old one may go', async () => {
    const { keeper, token, store, said } = await scene()
    await keeper(openVault([newKey, testKey], random))
    expect(said).toContain(`2 secret(s) sealed again under key ${newKey.id}`)
    const alone = openVault([newKey], random)
    expect(secretsStatus(store.facts, alone)).toEqual({
      ...{ state: 'ok', key: newKey.id, sealed: 2, closed: 0 },
    })
    expect(keyIdOf(token()!.secret!)).toBe(newKey.id)
    expect(alone.open(token()!.secret!, bootTokenRecord(token()!))).toEqual({
      ok: true,
      value: secret,
    })
  })

  test('a wrong key is told, and touches nothing', async () => {
    const { keeper, token, store, said } = await scene()
    const before = token()
    const wrong = openVault([newKey], random)
    await keeper(wrong)
    expect(token()).toEqual(before)
    expect(secretsStatus(store.facts, wrong)).toMatchObject({ state: 'wrong-key', closed: 2 })
    expect(said.join()).toMatch(/2 of 2 secrets do not open .* Names, images and boots work/)
  })

  test('no key is told, and touches nothing', async () => {
    const { keeper, token, store, said } = await scene()
    const before = token()
    const none = closedVault('there is no key')
    await keeper(none)
    expect(token()).toEqual(before)
    expect(secretsStatus(store.facts, none)).toMatchObject({ state: 'no-key', closed: 2 })
    expect(said.join()).toMatch(/there is no key\. Names, images and boots work/)
  })
})

describe('a token that nobody can have any more is withheld, and erased', () => {
  test.each<[string, (s: Awaited<ReturnType<typeof scene>>) => Promise<unknown>, string]>([
    [
      'the window has closed',
      async ({ time }) => (time.now = epochMs(start + 600_000)),
      "the boot's window has closed",
    ],
    ['powered on again', async ({ powerOn }) => powerOn(), 'the machine was powered on again'],
    [
      'the boot is up',
      async ({ change, latest }) =>
        change({ kind: 'boot.put', boot: { ...latest()!, outcome: 'up' } }),
      'the boot is over: up',
    ],
    [
      'the machine has left',
      async ({ change, worker }) => change({ kind: 'machine.delete', id: worker.id }),
      'the machine has left the inventory',
    ],
  ])('%s', async (_, happen, reason) => {
    const found = await scene()
    const { boot } = found.token()!
    expect(withhold(found.store.facts, found.time.now)).toEqual([])
    await happen(found)
    await found.keeper(vault)
    const after = found.store.facts.bootToken(boot)!
    expect(after).toMatchObject({ state: 'withheld', why: reason, inCluster: true })
    expect(after).not.toHaveProperty('secret')
    expect((await found.audit()).at(-1)).toMatchObject({ kind: 'token.withheld', reason })
  })
})
