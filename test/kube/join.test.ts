import { X509Certificate } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openCluster } from '../../src/serve/kubernetes/client.ts'
import { openTransport } from '../../src/serve/kubernetes/transport.ts'
import { eventually } from '../net/eventually.ts'
import { startCluster, type Cluster } from './cluster.ts'
import { JoinScene } from './join-scene.ts'

/** rollcall's tasks beside a real API server and its controllers: requests come from openssl and kubectl. */
let kube: Cluster
let scene: JoinScene
let count = 0
const fresh = (): string => `csr-${(count += 1)}`

beforeAll(async () => {
  kube = await startCluster({ servers: 2 })
}, 300_000)
afterAll(() => kube?.close())

beforeEach(async () => {
  scene = await JoinScene.open(kube)
  scene.start()
})
afterEach(async () => {
  await scene.stop()
  await kube.kubectl(['delete', 'nodes', '--all'])
  await scene.store.close()
})

const machine = (n: number) => scene.machines[n - 1]!
const secretGone = (id: string | undefined) =>
  eventually(`end of Secret ${id}`, 60, async () =>
    (await scene.secrets()).includes(`bootstrap-token-${id}`) ? undefined : true,
  )

test('the whole way: token, request, certificate, Ready node, and the token is worth nothing', async () => {
  const bearer = await scene.bearer(machine(1))
  const { id } = bearer.token
  const secret = await kube.get('secret', `bootstrap-token-${id}`, '--namespace=kube-system')
  expect(secret.type).toBe('bootstrap.kubernetes.io/token')
  expect(secret.metadata.labels).toMatchObject({
    'rollcall.dev/boot': bearer.token.boot,
    'rollcall.dev/machine': machine(1).id,
  })

  const name = fresh()
  expect(await scene.asks(bearer, { name, node: 'r1' })).toMatchObject({ code: 0 })
  const certificate = new X509Certificate(await scene.certificate(name))
  expect(certificate.subject).toBe('O=system:nodes\nCN=system:node:r1')
  expect(await scene.verdict(name)).toBe('csr.approved')
  expect(await scene.conditions(name)).toMatchObject([
    { type: 'Approved', reason: 'RollcallApproved' },
  ])

  await scene.reportsReady('r1', 'kernel-1')
  await secretGone(id)
  // The API server remembers for 10 s whom it has let in (tokenSuccessCacheTTL): until then nothing
  // but the closed boot stands against a second use.
  const late: string[] = []
  const refusal = await eventually('refusal of the token', 60, async () => {
    const name = fresh()
    const again = await scene.asks(bearer, { name, node: 'r1' })
    if (again.code !== 0) return again.stderr
    late.push(name)
    return undefined
  })
  expect(refusal).toMatch(/Unauthorized|must be logged in/)
  for (const name of late) {
    expect(await scene.verdict(name)).toMatch(/^csr.left-alone the boot is closed/)
    expect(await scene.conditions(name)).toEqual([])
  }
  const kinds = await scene.eventKinds(machine(1))
  expect(kinds.filter((kind) => kind !== 'csr.left-alone')).toEqual([
    'token.minted',
    'token.sent',
    'csr.approved',
    'node.registered',
    'node.ready',
  ])
}, 120_000)

describe('left alone', () => {
  const left = async (name: string): Promise<string> => {
    const verdict = await scene.verdict(name)
    expect(await scene.conditions(name)).toEqual([])
    return verdict
  }

  test('the wrong name, which is the name of another machine', async () => {
    const name = fresh()
    await scene.asks(await scene.bearer(machine(1)), { name, node: 'r2' })
    expect(await left(name)).toMatch(/^csr.left-alone token \w+ belongs to r1, not to r2$/)
  })

  test('a name that no machine has', async () => {
    const name = fresh()
    await scene.asks(await scene.bearer(machine(1)), { name, node: 'x9' })
    expect(await left(name)).toMatch(/no machine of the inventory is called x9/)
  })

  test('a token of an earlier boot is nobody to the API server', async () => {
    const bearer = await scene.bearer(machine(1))
    await scene.bearer(machine(1))
    await secretGone(bearer.token.id)
    const refused = await scene.asks(bearer, { name: fresh(), node: 'r1' })
    expect(refused.stderr).toMatch(/Unauthorized|must be logged in/)
  })

  test('an expired token is nobody to the API server', async () => {
    const bearer = await scene.bearer(machine(1))
    scene.now += 11 * 60_000
    await secretGone(bearer.token.id)
    const refused = await scene.asks(bearer, { name: fresh(), node: 'r1' })
    expect(refused.stderr).toMatch(/Unauthorized|must be logged in/)
  })

  test('a token that other people have made', async () => {
    const secret = {
      ...{ apiVersion: 'v1', kind: 'Secret', type: 'bootstrap.kubernetes.io/token' },
      metadata: { name: 'bootstrap-token-foreig', namespace: 'kube-system' },
      stringData: {
        'token-id': 'foreig',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:rollcall',
      },
    }
    await kube.apply(secret)
    const name = fresh()
    const kubeconfig = kube.kubeconfig('foreign', { token: 'foreig.0123456789abcdef' })
    await scene.asks({ kubeconfig }, { name, node: 'r1' })
    expect(await left(name)).toMatch(/token foreig is not one that this server gave/)
    expect(await scene.secrets()).toContain('bootstrap-token-foreig')
  })

  test.each<[string, object, RegExp]>([
    ['another signer', { signer: 'kubernetes.io/kube-apiserver-client' }, /its signer is/],
    ['alternative names', { extension: 'subjectAltName=DNS:r1' }, /alternative names/],
    ['masters', { subject: '/O=system:masters/CN=system:node:r1' }, /its subject is/],
    ['a unit besides', { subject: '/O=system:nodes/OU=x/CN=system:node:r1' }, /its subject is/],
    ['a usage more', { usages: ['digital signature', 'client auth', 'server auth'] }, /usages/],
    [
      'a short key',
      { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'] },
      /its RSA key has 1024 bits/,
    ],
  ])('%s', async (_name, how, reason) => {
    const bearer = await scene.bearer(machine(1))
    const name = fresh()
    expect(await scene.asks(bearer, { name, node: 'r1', ...how })).toMatchObject({ code: 0 })
    expect(await left(name)).toMatch(reason)
  })

  test('a second key in the same boot', async () => {
    const bearer = await scene.bearer(machine(1))
    const [first, second] = [fresh(), fresh()]
    await scene.asks(bearer, { name: first, node: 'r1' })
    await scene.certificate(first)
    await scene.asks(bearer, { name: second, node: 'r1' })
    expect(await left(second)).toMatch(/another key has been approved/)
  })
})

test('a node renews its own certificate, and not that of another', async () => {
  const node = await kube.client({ name: 'system:node:r3', groups: ['system:nodes'] })
  const kubeconfig = kube.kubeconfig('node-r3', { pair: node })
  const [own, other] = [fresh(), fresh()]
  await scene.asks({ kubeconfig }, { name: own, node: 'r3' })
  await scene.certificate(own)
  await scene.asks({ kubeconfig }, { name: other, node: 'r4' })
  expect(await scene.verdict(other)).toMatch(/system:node:r3 asks for the certificate of r4/)
})

describe('API servers that go away', () => {
  test('one of two is gone: the other is asked', async () => {
    await kube.api[0]!.stop()
    try {
      await scene.boots(machine(1))
      await scene.until('ready', () => scene.token(machine(1))?.state === 'ready')
    } finally {
      await kube.api[0]!.start()
    }
    const name = fresh()
    await scene.asks(await scene.bearer(machine(2)), { name, node: 'r2' })
    expect(await scene.certificate(name)).toContain('BEGIN CERTIFICATE')
  })

  test('all are gone for a while: boots wait, and their timeline says so', async () => {
    const early = await scene.bearer(machine(3))
    for (const api of kube.api) await api.stop()
    try {
      await scene.boots(machine(1))
      await scene.until('told', async () =>
        (await scene.eventKinds(machine(1))).includes('token.waiting'),
      )
    } finally {
      await Promise.all(kube.api.map((api) => api.start()))
    }
    await eventually('token', 60, () =>
      scene.token(machine(1))?.state === 'ready' ? true : undefined,
    )
    expect(await scene.eventKinds(machine(1))).toEqual(['token.waiting', 'token.minted'])
    const name = fresh()
    await scene.asks(early, { name, node: 'r3' })
    await scene.certificate(name)
  })

  test('requests that were made while this server was down are judged when it is up', async () => {
    const bearer = await scene.bearer(machine(1))
    await scene.stop()
    const [right, wrong] = [fresh(), fresh()]
    await scene.asks(bearer, { name: right, node: 'r1' })
    await scene.asks(bearer, { name: wrong, node: 'r2' })
    scene.start()
    await scene.certificate(right)
    await scene.verdict(wrong)
    await scene.stop()
    scene.start()
    const last = fresh()
    await scene.asks(bearer, { name: last, node: 'r5' })
    await scene.verdict(last)
    const entries = await scene.store.audit({ limit: 1000 })
    const about = (name: string) =>
      entries.filter(
        ({ kind, evidence }) => kind.startsWith('csr.') && evidence['request'] === name,
      )
    expect([about(right).length, about(wrong).length, about(last).length]).toEqual([1, 1, 1])
  })

  test('a version that the server has forgotten is told as expired', async () => {
    const transport = openTransport({ kubeconfig: scene.kubeconfig })
    const cluster = openCluster(transport, 'rollcall')
    const watching = async () => {
      const limit = AbortSignal.timeout(20_000)
      for await (const _event of cluster.csrs.watch('1', limit)) return 'an event'
      return 'an end'
    }
    await expect(watching()).rejects.toMatchObject({ name: 'ClusterError', kind: 'expired' })
    transport.close()
  })
})

describe('what rollcall may do in the cluster', () => {
  /** What the API server itself says, asked as that user. @param what like `secrets`, `nodes/status` */
  const may = async (verb: string, what: string, where = '', who = scene.kubeconfig) => {
    const [, resource = '', subresource = '', name = ''] =
      /^(\w+)(?:\/(\w*))?(?:=(.*))?$/.exec(what) ?? []
    const isOfCertificates = resource === 'certificatesigningrequests' || resource === 'signers'
    const group = isOfCertificates ? 'certificates.k8s.io' : ''
    const resourceAttributes = { verb, group, resource, subresource, name, namespace: where }
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes },
    }
    const answer = await kube.kubectl(['create', '--filename=-', '--output=json'], {
      kubeconfig: who,
      input: JSON.stringify(review),
    })
    return (JSON.parse(answer.stdout) as { status: { allowed: boolean } }).status.allowed
  }

  test.each([
    ['create', 'secrets', 'kube-system'],
    ['delete', 'secrets', 'kube-system'],
    ['list', 'secrets', 'kube-system'],
    ['list', 'certificatesigningrequests'],
    ['watch', 'certificatesigningrequests'],
    ['update', 'certificatesigningrequests/approval'],
    ['approve', 'signers=kubernetes.io/kube-apiserver-client-kubelet'],
    ['list', 'nodes'],
    ['watch', 'nodes'],
  ])('%s %s %s', async (verb, what, where = '') => {
    expect(await may(verb, what, where)).toBe(true)
  })

  test.each([
    ['update', 'secrets', 'kube-system'],
    ['patch', 'secrets', 'kube-system'],
    ['watch', 'secrets', 'kube-system'],
    ['list', 'secrets'],
    ['create', 'secrets', 'default'],
    ['create', 'certificatesigningrequests'],
    ['delete', 'certificatesigningrequests'],
    ['update', 'certificatesigningrequests/status'],
    ['approve', 'signers=kubernetes.io/kube-apiserver-client'],
    ['approve', 'signers=kubernetes.io/kubelet-serving'],
    ['sign', 'signers=kubernetes.io/kube-apiserver-client-kubelet'],
    ['update', 'nodes'],
    ['update', 'nodes/status'],
    ['delete', 'nodes'],
    ['list', 'pods'],
    ['create', 'pods', 'kube-system'],
    ['get', 'configmaps', 'kube-system'],
    ['impersonate', 'users'],
  ])('not: %s %s %s', async (verb, what, where = '') => {
    expect(await may(verb, what, where)).toBe(false)
  })

  test('a bearer may make requests and read them, and nothing more', async () => {
    const { kubeconfig } = await scene.bearer(machine(1))
    const asked = ['create', 'get', 'list', 'watch', 'update', 'delete'].map((verb) =>
      may(verb, 'certificatesigningrequests', '', kubeconfig),
    )
    expect(await Promise.all(asked)).toEqual([true, true, true, true, false, false])
    const others = [
      may('list', 'secrets', 'kube-system', kubeconfig),
      may('list', 'nodes', '', kubeconfig),
      may('update', 'certificatesigningrequests/approval', '', kubeconfig),
      may('approve', 'signers=kubernetes.io/kube-apiserver-client-kubelet', '', kubeconfig),
    ]
    expect(await Promise.all(others)).toEqual([false, false, false, false])
  })
})
