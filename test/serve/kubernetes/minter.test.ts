import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BootstrapTokenId } from '../../../src/core/boot-token.ts'
import { bootTokenRecord } from '../../../src/core/boot-token.ts'
import { moveToken } from '../../../src/core/token-lifecycle.ts'
import { startMinter } from '../../../src/serve/kubernetes/minter.ts'
import { brokenCluster, FakeCluster } from './fake-cluster.ts'
import { minute, openVault, Scene } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await new Scene().inventory()
})
afterEach(async () => {
  await scene.stop()
  await scene.store.close()
})

const ready = (which = 0) =>
  scene.until('token ready', () => scene.token(scene.machines[which]!)?.state === 'ready')
const gone = async () => {
  await scene.until('Secrets gone', () => scene.cluster.secrets.size === 0)
  return scene.cluster.made.length
}

test('a boot that wants a token gets a Secret of its own, and what the machine will be told opens it', async () => {
  const [r1] = scene.machines
  scene.start()
  const boot = await scene.boots(r1!)
  await ready()

  const token = scene.token(r1!)!
  const { secret } = [...scene.cluster.secrets.values()][0]!
  expect(secret).toMatchObject({ id: token.id, boot, hostname: 'r1', expires: token.expires })
  expect(openVault.open(token.secret!, bootTokenRecord(token))).toEqual({
    ok: true,
    value: expect.stringMatching(/^[a-z0-9]{16}$/),
  })
  expect(openVault.open(token.secret!, bootTokenRecord(token))).toMatchObject({
    value: secret.secret,
  })
  expect(await scene.eventKinds(r1!)).toEqual(['token.minted'])
  expect(await scene.auditOf('token')).toEqual(['token.minted'])
})

test('the token is on the disk before the cluster hears of it', async () => {
  const states: (string | undefined)[] = []
  const create = scene.cluster.createTokenSecret.bind(scene.cluster)
  scene.cluster.createTokenSecret = async (secret) => {
    await scene.store.boots({ limit: 1 }) // all that was decided is written by now
    states.push(scene.token(scene.machines[0]!)?.state)
    return create(secret)
  }
  scene.start()
  await scene.boots(scene.machines[0]!)
  await ready()
  expect(states).toEqual(['minting'])
})

describe('its Secret goes', () => {
  test('when the machine is powered on again', async () => {
    scene.start()
    const [r1] = scene.machines
    const first = await scene.boots(r1!)
    await ready()
    await scene.boots(r1!)
    await scene.until('one Secret', () => {
      const boots = [...scene.cluster.secrets.values()].map(({ secret }) => secret.boot)
      return boots.length === 1 && boots[0] !== first
    })
    await scene.until('told', () => scene.store.facts.bootToken(first)?.inCluster === false)
    expect(scene.store.facts.bootToken(first)).toMatchObject({ state: 'withheld' })
    expect(scene.store.facts.bootToken(first)!.secret).toBeUndefined()
  })

  test('when it was lost on its way', async () => {
    scene.start()
    const [r1] = scene.machines
    const boot = await scene.boots(r1!)
    await ready()
    for (const step of [{ kind: 'claim' }, { kind: 'lose', reason: 'hung up' }] as const) {
      await scene.store.update((facts) => moveToken(facts, boot, step, scene.clock()))
    }
    expect(await gone()).toBe(1)
  })

  test('when its time is over', async () => {
    scene.start()
    await scene.boots(scene.machines[0]!)
    await ready()
    await scene.claims(scene.machines[0]!)
    scene.now += 10 * minute
    expect(await gone()).toBe(1)
  })

  test('when its machine leaves the inventory', async () => {
    scene.start()
    await scene.boots(scene.machines[0]!)
    await ready()
    const { id } = scene.machines[0]!
    await scene.store.update(() => ({
      changes: [{ kind: 'machine.delete', id }],
      result: undefined,
    }))
    expect(await gone()).toBe(1)
  })
})

describe('the cluster is away', () => {
  test('the boot waits, its timeline says so once, and then it has its token', async () => {
    const [r1] = scene.machines
    scene.cluster.isUp = false
    scene.start()
    await scene.boots(r1!)
    await scene.until('told', async () => (await scene.eventKinds(r1!)).length > 0)
    await new Promise((resolve) => setTimeout(resolve, 50)) // many tries later
    scene.cluster.isUp = true
    await ready()
    expect(await scene.eventKinds(r1!)).toEqual(['token.waiting', 'token.minted'])
  })

  test('a cluster that refuses is said to refuse', async () => {
    const [r1] = scene.machines
    scene = await new Scene(brokenCluster()).inventory()
    scene.start()
    await scene.boots(r1!)
    await scene.until('told', async () => (await scene.eventKinds(r1!)).length > 0)
    expect(scene.store.facts.latestBoot(r1!.id)!.problem).toMatch(/the cluster refuses it/)
  })

  test('the answer is lost: the Secret that is there is the right one', async () => {
    let faults = 3
    scene.cluster.fault = () => ((faults -= 1) >= 0 ? 'after' : 'none')
    scene.start()
    await scene.boots(scene.machines[0]!)
    await ready()
    expect(scene.cluster.made).toHaveLength(1)
  })

  test('a restart in the middle goes on with the same token', async () => {
    scene.cluster.fault = () => 'after'
    scene.start()
    await scene.boots(scene.machines[0]!)
    await scene.until('made', () => scene.cluster.made.length === 1)
    await scene.stop()
    scene.cluster.fault = () => 'none'
    scene.start()
    await ready()
    expect(scene.cluster.made).toHaveLength(1)
    expect(scene.token(scene.machines[0]!)!.id).toBe(scene.cluster.made[0]!.id)
  })
})

test('a Secret of ours that no boot has goes at the start; one of another rollcall stays', async () => {
  const secret = (id: string) =>
    ({ ...scene.cluster.made[0]!, id: id as BootstrapTokenId }) as never
  const other = { secret: secret('otherx'), instance: 'elsewhere' }
  scene.cluster.secrets.set('ourown' as BootstrapTokenId, {
    secret: secret('ourown'),
    instance: 'rollcall',
  })
  scene.cluster.secrets.set('otherx' as BootstrapTokenId, other)
  scene.start()
  await scene.until('only one', () => scene.cluster.secrets.size === 1)
  expect([...scene.cluster.secrets.keys()]).toEqual(['otherx'])
})

test('somebody else has a Secret of that name: theirs stays, and the machine is told to boot again', async () => {
  const taken = new FakeCluster()
  scene = await new Scene(taken).inventory()
  taken.createTokenSecret = async () => 'taken'
  scene.start()
  await scene.boots(scene.machines[0]!)
  await scene.until(
    'withheld',
    () =>
      scene.token(scene.machines[0]!)?.inCluster === false &&
      scene.token(scene.machines[0]!)?.state === 'withheld',
  )
  expect(scene.token(scene.machines[0]!)!.why).toMatch(/another bootstrap token called/)
})

test('no key to seal with: no token, and the reason', async () => {
  const task = startMinter({
    ...scene.deps,
    vault: { ...openVault, seal: () => ({ ok: false, problem: 'there is no key' }) },
  })
  await scene.boots(scene.machines[0]!)
  await scene.until('withheld', () => scene.token(scene.machines[0]!)?.state === 'withheld')
  expect(scene.token(scene.machines[0]!)!.why).toBe('there is no key')
  expect(scene.cluster.made).toEqual([])
  await task.stop()
})
