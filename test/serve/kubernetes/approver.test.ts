import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Scene } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await new Scene().inventory()
})
afterEach(async () => {
  await scene.stop()
  await scene.store.close()
})

const approved = () =>
  scene.cluster.decisions.flatMap(({ csr, approved }) => (approved ? [csr.uid] : []))
const audited = (count: number) =>
  scene.until('audited', async () => (await scene.auditOf('csr')).length >= count)

/** The first machine has its token; @returns the user that this makes it. */
async function joined(): Promise<string> {
  const [r1] = scene.machines
  await scene.boots(r1!)
  await scene.until('token ready', () => scene.token(r1!)?.state === 'ready')
  await scene.claims(r1!)
  return `system:bootstrap:${scene.token(r1!)!.id}`
}

test('the right token for the right name: approved, in the audit and on the timeline', async () => {
  scene.start()
  scene.cluster.request(scene.csr(await joined(), 'r1', { uid: 'u1' }))
  await scene.until('approved', () => approved().length > 0)
  expect(approved()).toEqual(['u1'])
  expect(await scene.auditOf('csr')).toEqual(['csr.approved u1'])
  expect(await scene.eventKinds(scene.machines[0]!)).toContain('csr.approved')
  expect(scene.store.facts.latestBoot(scene.machines[0]!.id)).toMatchObject({ nodeKey: 'key-r1' })
})

test('the wrong name is left alone, and the timeline of the token says so', async () => {
  scene.start()
  scene.cluster.request(scene.csr(await joined(), 'r2', { uid: 'u1' }))
  await audited(1)
  expect(await scene.auditOf('csr')).toEqual([
    expect.stringMatching(/^csr.left-alone u1 token \w{6} belongs to r1, not to r2$/),
  ])
  expect(await scene.eventKinds(scene.machines[0]!)).toContain('csr.left-alone')
  expect(scene.cluster.decisions).toEqual([])
})

test('denied, where the configuration says so', async () => {
  scene.start('deny')
  scene.cluster.request(scene.csr(await joined(), 'r2', { uid: 'u1' }))
  await scene.until('denied', () => scene.cluster.decisions.length > 0)
  expect(scene.cluster.decisions).toMatchObject([{ approved: false, csr: { uid: 'u1' } }])
  expect(await scene.auditOf('csr')).toEqual([expect.stringMatching(/^csr.denied u1/)])
})

test('a second key for the same boot is left alone, though its token is right', async () => {
  scene.start()
  const user = await joined()
  scene.cluster.request(scene.csr(user, 'r1', { uid: 'u1', key: 'first' }))
  await scene.until('approved', () => approved().length === 1)
  scene.cluster.request(scene.csr(user, 'r1', { uid: 'u2', key: 'second' }))
  await audited(2)
  expect(approved()).toEqual(['u1'])
  expect((await scene.auditOf('csr')).at(-1)).toMatch(/another key has been approved/)
})

test('two keys at the same moment: one of them', async () => {
  scene.start()
  const user = await joined()
  for (const key of ['a', 'b', 'c', 'd']) scene.cluster.request(scene.csr(user, 'r1', { key }))
  await audited(4)
  await scene.until('approved', () => approved().length > 0)
  expect(approved()).toHaveLength(1)
})

describe('neither missing nor repeating', () => {
  test('restarts and lists tell each verdict once', async () => {
    scene.start()
    const user = await joined()
    scene.cluster.request(scene.csr(user, 'r2', { uid: 'u1' }))
    scene.cluster.request(scene.csr('system:bootstrap:zzzzzz', 'x9', { uid: 'u2' }))
    scene.cluster.request(scene.csr('admin', 'x9', { uid: 'u3' }))
    await audited(2)
    for (let round = 0; round < 3; round += 1) {
      await scene.stop()
      scene.cluster.csrs.forget()
      const { lists } = scene.cluster.csrs
      scene.start()
      await scene.until('listed', () => scene.cluster.csrs.lists > lists)
      scene.cluster.csrs.endWatches()
      await new Promise((resolve) => setTimeout(resolve, 30)) // some sweeps
    }
    expect((await scene.auditOf('csr')).map((line) => line.slice(0, 17))).toEqual([
      'csr.left-alone u1',
      'csr.left-alone u2',
    ])
  })

  test('made while this server was away', async () => {
    scene.start()
    const user = await joined()
    await scene.stop()
    scene.cluster.request(scene.csr(user, 'r1', { uid: 'u1' }))
    scene.start()
    await scene.until('approved', () => approved().length > 0)
    expect(await scene.auditOf('csr')).toEqual(['csr.approved u1'])
  })

  test('the answer to an approval is lost: approved once, entered once', async () => {
    scene.start()
    const user = await joined()
    let faults = 3
    scene.cluster.fault = () => ((faults -= 1) >= 0 ? 'after' : 'none')
    scene.cluster.request(scene.csr(user, 'r1', { uid: 'u1' }))
    await scene.until('approved', () => approved().length > 0)
    expect(approved()).toEqual(['u1'])
    expect(await scene.auditOf('csr')).toEqual(['csr.approved u1'])
  })

  test('a restart between the entry and the approval', async () => {
    scene.start()
    const user = await joined()
    const { approveCsr } = scene.cluster
    let tries = 0
    scene.cluster.approveCsr = async () => {
      tries += 1
      return 'stale'
    }
    scene.cluster.request(scene.csr(user, 'r1', { uid: 'u1' }))
    await scene.until('tried', () => tries > 0)
    await scene.stop()
    scene.cluster.approveCsr = approveCsr
    scene.start()
    await scene.until('approved', () => approved().length > 0)
    expect(await scene.auditOf('csr')).toEqual(['csr.approved u1'])
  })

  test('what was left alone too early is approved as soon as it is right', async () => {
    scene.start()
    const [r1] = scene.machines
    await scene.boots(r1!)
    await scene.until('token ready', () => scene.token(r1!)?.state === 'ready')
    const user = `system:bootstrap:${scene.token(r1!)!.id}`
    scene.cluster.request(scene.csr(user, 'r1', { uid: 'u1' }))
    await audited(1)
    await scene.claims(r1!)
    await scene.until('approved', () => approved().length > 0)
    expect(await scene.auditOf('csr')).toEqual([
      expect.stringMatching(/^csr.left-alone u1 token \w+ has not been given to anybody/),
      'csr.approved u1',
    ])
  })
})

test('the history is forgotten in the middle: listed again, and nothing is missed', async () => {
  scene.start()
  const user = await joined()
  scene.cluster.csrs.forget()
  scene.cluster.request(scene.csr(user, 'r1', { uid: 'u1' }))
  await scene.until('approved', () => approved().length > 0)
  expect(await scene.auditOf('csr')).toEqual(['csr.approved u1'])
})
