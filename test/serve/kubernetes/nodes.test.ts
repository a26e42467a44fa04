import { afterEach, beforeEach, expect, test } from 'vitest'
import { epochMs } from '../../../src/values/time.ts'
import { minute, Scene } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = (await new Scene().inventory()).start()
})
afterEach(async () => {
  await scene.stop()
  await scene.store.close()
})

const node = (kernelBoot: string, ready: boolean) =>
  scene.cluster.nodes.put({ name: 'r1', ready, kernelBoot, heartbeat: epochMs(scene.now + 1000) })
const r1 = () => scene.machines[0]!
const stage = () => scene.store.facts.latestBoot(r1().id)?.stage

async function joins(kernel: string): Promise<void> {
  await scene.boots(r1())
  await scene.until('token ready', () => scene.token(r1())?.state === 'ready')
  await scene.claims(r1())
  node(kernel, false)
  await scene.until('joined', () => stage() === 'joined')
  node(kernel, true)
  await scene.until('ready', () => stage() === 'ready')
}

test('a Ready node closes the boot, and its token goes', async () => {
  await joins('k1')
  await scene.until('Secret gone', () => scene.cluster.secrets.size === 0)
  expect(scene.store.facts.latestBoot(r1().id)).toMatchObject({ outcome: 'up', kernelBoot: 'k1' })
  expect((await scene.eventKinds(r1())).slice(-2)).toEqual(['node.registered', 'node.ready'])
  expect(await scene.auditOf('node')).toEqual(['node.ready'])
  await scene.until('token closed', () => scene.token(r1())?.inCluster === false)
  expect(scene.token(r1())!.state).toBe('sent')
})

test('the node of the boot before, which is still Ready, closes nothing', async () => {
  await joins('k1')
  await scene.boots(r1())
  await scene.until('token ready', () => scene.token(r1())?.state === 'ready')
  scene.cluster.nodes.put({ name: 'r1', ready: true, kernelBoot: 'k1', heartbeat: epochMs(0) })
  node('k1', true) // by a clock that is ahead
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(stage()).toBe('script')
  node('k2', true)
  await scene.until('ready', () => stage() === 'ready')
})

test('not Ready in time: said once, over restarts too; and Ready is still Ready after that', async () => {
  await scene.boots(r1())
  await scene.until('token ready', () => scene.token(r1())?.state === 'ready')
  await scene.claims(r1())
  scene.now += 11 * minute
  const late = async () =>
    (await scene.eventKinds(r1())).filter((kind) => kind === 'node.not-ready-in-time')
  await scene.until('late', async () => (await late()).length > 0)
  await scene.stop()
  scene.start()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await late()).toHaveLength(1)
  expect(scene.store.facts.latestBoot(r1().id)!.problem).toMatch(/not Ready within 600 s/)
  node('k1', true)
  await scene.until('ready', () => stage() === 'ready')
})

test('a machine that nobody gave a token is not late', async () => {
  await scene.boots(r1())
  scene.now += 60 * minute
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await scene.eventKinds(r1())).not.toContain('node.not-ready-in-time')
})

test('nodes of other people are nobody', async () => {
  scene.cluster.nodes.put({ name: 'x9', ready: true, kernelBoot: 'k', heartbeat: epochMs(1e15) })
  scene.cluster.nodes.put({ name: 'Not_A_Name', ready: true, kernelBoot: 'k' })
  await joins('k1')
  expect(await scene.auditOf('node')).toHaveLength(1)
})
