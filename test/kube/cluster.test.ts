import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../net/eventually.ts'
import { createLab, type Lab, type Namespace } from '../net/lab.ts'
import { startCluster, type Cluster } from './cluster.ts'
import {
  certificateRequest,
  issued,
  maySendRequests,
  pendingRequest,
  readyNode,
  tokenSecret,
} from './joining.ts'
import { startKubelet } from './kubelet.ts'

/** Proves the laboratory itself: what the tests of joining take for granted about a cluster. */
let lab: Lab
let worker: Namespace
let cluster: Cluster

const group = 'system:bootstrappers:lab'
const secret = '0123456789abcdef'

beforeAll(async () => {
  lab = await createLab()
  const control = await lab.namespace('control')
  worker = await lab.namespace('worker')
  await lab.veth({ ns: control, device: 'eth0' }, { ns: worker, device: 'eth0' })
  await control.ip('address add 192.0.2.1/24 dev eth0')
  await worker.ip('address add 192.0.2.50/24 dev eth0')
  cluster = await startCluster({ ns: control, address: '192.0.2.1', servers: 2 })
  lab.onClose(() => cluster.close())
  await cluster.apply(maySendRequests(group))
})

afterAll(() => lab.close())

const asToken = (id: string): string =>
  cluster.kubeconfig(`token-${id}`, { token: `${id}.${secret}` })

/** What kubectl complains of. Fails if it does not. */
async function complaint(words: string, kubeconfig: string): Promise<string> {
  const output = await cluster.kubectl(words.split(' '), { kubeconfig, anyExit: true })
  expect(output.code).toBe(1)
  return output.stderr
}

/** What `kubectl auth can-i` answers. */
async function may(words: string, kubeconfig: string): Promise<string> {
  const args = ['auth', 'can-i', ...words.split(' ')]
  return (await cluster.kubectl(args, { kubeconfig, anyExit: true })).stdout.trim()
}

test('a bootstrap token is system:bootstrap:<id>, and may do nothing by itself', async () => {
  await cluster.apply(tokenSecret({ id: 'nobody', secret }))

  expect(await complaint('get csr', asToken('nobody'))).toContain(
    'User "system:bootstrap:nobody" cannot list resource "certificatesigningrequests"',
  )
})

test('a token that nobody has made is refused', async () => {
  expect(await complaint('get csr', asToken('zzzzzz'))).toContain('Unauthorized')
})

test('an expired token is refused, and its Secret goes', async () => {
  const expires = new Date(Date.now() - 1000)
  await cluster.apply(tokenSecret({ id: 'expird', secret, group, expires }))

  expect(await complaint('get csr', asToken('expird'))).toContain('Unauthorized')
  await eventually('cleaned away token', 30, async () => {
    const args = ['get', 'secret', '--namespace=kube-system', '--output=name']
    const { stdout } = await cluster.kubectl(args)
    return !stdout.includes('bootstrap-token-expird') || undefined
  })
})

test('with the role of a node bootstrapper it may create and read CSRs, and nothing else', async () => {
  const allowed = 'system:bootstrappers:allowed'
  await cluster.apply(tokenSecret({ id: 'alowed', secret, group: allowed }))
  const kubeconfig = asToken('alowed')
  expect(await may('create csr', kubeconfig)).toBe('no')

  await cluster.apply(maySendRequests(allowed))

  expect(await may('create csr', kubeconfig)).toBe('yes')
  expect(await may('list csr', kubeconfig)).toBe('yes')
  for (const words of [
    'update csr --subresource=approval',
    'approve signers',
    'get secrets -n kube-system',
    'get nodes',
  ]) {
    expect([words, await may(words, kubeconfig)]).toEqual([words, 'no'])
  }
})

test('a CSR that somebody approves is issued; one that nobody approves is not', async () => {
  await cluster.apply(tokenSecret({ id: 'byhand', secret, group }))
  const subject = { name: 'system:node:by-hand', groups: ['system:nodes'] }
  for (const name of ['approved', 'left-alone']) {
    const input = JSON.stringify(await certificateRequest(cluster, { name, subject }))
    const kubeconfig = asToken('byhand')
    await cluster.kubectl(['create', '--filename', '-'], { kubeconfig, input })
  }
  const pending = await cluster.get('csr', 'approved')
  expect(pending.spec).toMatchObject({
    username: 'system:bootstrap:byhand',
    groups: ['system:bootstrappers', group, 'system:authenticated'],
  })
  expect(pending.status).toEqual({})

  await cluster.kubectl(['certificate', 'approve', 'approved'])

  const { status } = await issued(cluster, 'approved')
  expect(status.conditions).toMatchObject([{ type: 'Approved', status: 'True' }])
  expect((await cluster.get('csr', 'left-alone')).status).toEqual({})
})

test('a kubelet with nothing but a token becomes a Node that is Ready', async () => {
  await cluster.apply(tokenSecret({ id: 'worker', secret, group }))

  const kubelet = await startKubelet({
    ns: worker,
    hostname: 'node-r12-09',
    address: '192.0.2.50',
    bootstrapKubeconfig: asToken('worker'),
    labels: { rack: 'r12' },
    taints: ['lab/new=yes:NoSchedule'],
  })
  lab.onClose(() => kubelet.close())
  const csr = await pendingRequest(cluster, 'system:bootstrap:worker')
  expect(csr.spec).toMatchObject({
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: ['digital signature', 'key encipherment', 'client auth'],
  })
  await cluster.kubectl(['certificate', 'approve', csr.metadata.name])

  const node = await readyNode(cluster, 'node-r12-09', kubelet)
  expect(node.metadata.labels).toMatchObject({ rack: 'r12' })
  expect(node.spec.taints).toContainEqual({ key: 'lab/new', value: 'yes', effect: 'NoSchedule' })
  expect(node.status.addresses).toContainEqual({ type: 'InternalIP', address: '192.0.2.50' })
})

test('while one API server is away, the other one serves', async () => {
  const pair = await cluster.client({ name: 'somebody', groups: ['system:masters'] })
  const atSecond = cluster.kubeconfig('second', { pair }, 1)

  await cluster.api[0]!.stop()
  expect(await complaint('get csr', cluster.adminKubeconfig)).toContain('refused')
  await cluster.kubectl(['create', 'namespace', 'meanwhile'], { kubeconfig: atSecond })

  await cluster.api[0]!.start()
  expect((await cluster.get('namespace', 'meanwhile')).status).toEqual({ phase: 'Active' })
})
