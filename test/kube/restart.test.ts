import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCluster, type Cluster } from './cluster.ts'
import { certificateRequest, issued } from './joining.ts'

/** The smallest cluster, on loopback: its only API server goes away and comes back. */
let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ watchSeconds: 2 })
})

afterAll(() => cluster.close())

const csrs = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const subject = { name: 'system:node:r1', groups: ['system:nodes'] }

test('a watch ends by itself', async () => {
  const { stdout } = await cluster.kubectl(['get', '--raw', `${csrs}?watch=true`], { seconds: 15 })

  expect(stdout).toBe('')
})

test('after a restart everything is there, and the controllers sign again', async () => {
  await cluster.apply(await certificateRequest(cluster, { name: 'before', subject }))

  await cluster.api[0]!.stop()
  const away = await cluster.kubectl(['get', 'csr'], { anyExit: true })
  expect(away.stderr).toContain('refused')
  await cluster.api[0]!.start()

  await cluster.kubectl(['certificate', 'approve', 'before'])
  expect((await issued(cluster, 'before')).metadata.name).toBe('before')
})

test('after a restart a watch from before is told that it is too old', async () => {
  // The raw list: kubectl's own leaves its resourceVersion out.
  const { metadata } = JSON.parse((await cluster.kubectl(['get', '--raw', csrs])).stdout)
  for (const name of ['one', 'two', 'three']) {
    await cluster.apply(await certificateRequest(cluster, { name, subject }))
  }

  await cluster.api[0]!.stop()
  await cluster.api[0]!.start()

  const path = `${csrs}?watch=true&resourceVersion=${metadata.resourceVersion}`
  const { stdout } = await cluster.kubectl(['get', '--raw', path], { seconds: 15 })
  expect(JSON.parse(stdout)).toMatchObject({ type: 'ERROR', object: { code: 410 } })
})
