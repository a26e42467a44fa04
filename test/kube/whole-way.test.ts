import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rbacManifest } from '../../src/serve/kubernetes/manifest.ts'
import { powerOn } from '../boot/qemu.ts'
import {
  bridge,
  inOrder,
  makeSegment,
  onConsole,
  onlyTimeline,
  serverAddress,
  story,
  type Segment,
} from '../boot/segment.ts'
import { eventually } from '../net/eventually.ts'
import type { Lab, Namespace } from '../net/lab.ts'
import { startCluster, type Cluster } from './cluster.ts'
import type { ApiObject } from './kubectl.ts'

// Nothing here is played: firmware, PXE, seed, the server, the control plane, and in the machine a
// real kubelet that joins with the token from its user-data. One thing is not the kubelet's: without a
// container runtime it does not get as far as its Node, so kubectl in the machine reports that, with
// the certificate that the kubelet was issued (test/boot/images/joiner/then).

let kube: Cluster
let segment: Segment
beforeAll(async () => {
  segment = await makeSegment('joiner', withCluster)
}, 3_600_000)
afterAll(() => segment?.lab.close())

/** The control plane beside the server, which has an account with the rights of our manifest there. */
async function withCluster(lab: Lab, ns: Namespace) {
  kube = await startCluster({ ns, address: serverAddress })
  lab.onClose(() => kube.close())
  const manifest = join(kube.folder, 'rbac.yaml')
  writeFileSync(manifest, rbacManifest({ kind: 'user', name: 'rollcall' }))
  await kube.applyManifest(manifest)
  const account = await kube.client({ name: 'rollcall' })

  const folder = mkdtempSync(join(tmpdir(), 'rollcall-key-'))
  lab.onClose(() => rmSync(folder, { recursive: true, force: true }))
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, Buffer.alloc(32, 7), { mode: 0o600 })
  return {
    cluster: {
      ...{ server: kube.urls[0], caFile: kube.caFile },
      kubeconfig: kube.kubeconfig('rollcall', { pair: account }),
    },
    secrets: { keyFile },
    join: {
      groups: [
        {
          ...{ name: 'workers', token: 'minted', nodeLabels: { rack: 'r12' } },
          nodeTaints: ['fresh=yes:NoSchedule'],
        },
      ],
    },
  }
}

const bootstrapSecrets = async (): Promise<readonly ApiObject[]> => {
  const { items } = await kube.get('secrets', '--namespace=kube-system')
  return items.filter(({ type }: ApiObject) => type === 'bootstrap.kubernetes.io/token')
}

const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString()

test('a machine netboots, joins under its own name, and its token is worth nothing afterwards', async () => {
  const { rollcall } = segment
  await rollcall.api('PUT', '/api/v1/machines/rack1-joins', { macs: ['52:54:00:00:09:01'] })
  expect(await bootstrapSecrets()).toEqual([])
  const machine = await powerOn(segment.lab, {
    ns: segment.ns,
    firmware: 'bios',
    cards: [{ mac: '52:54:00:00:09:01', bridge }],
    memory: 1536,
  })

  const [minted] = await eventually('token in the cluster', 120, async () => {
    const found = await bootstrapSecrets()
    return found.length > 0 ? found : undefined
  })
  const id = fromBase64(minted.data['token-id'])
  const secret = fromBase64(minted.data['token-secret'])
  expect(secret).toMatch(/^[a-z0-9]{16}$/)

  await onConsole(machine, rollcall, /^ROLLCALL-DONE/m, 400)
  const console = machine.text()
  expect(console).toContain('ROLLCALL-HOSTNAME=rack1-joins\r\n')
  expect(console).toContain('ROLLCALL-JOINED=rack1-joins\r\n')
  expect(console).toContain('ROLLCALL-REGISTERED=rack1-joins\r\n')
  expect(console).not.toContain('ROLLCALL-PROBLEM')

  // The kubelet asked once, as the bearer of this machine's token, and got its own name certified.
  const { items: requests } = await kube.get('csr')
  expect(requests).toMatchObject([
    {
      spec: {
        username: `system:bootstrap:${id}`,
        signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      },
      status: { conditions: [{ type: 'Approved', reason: 'RollcallApproved' }] },
    },
  ])
  const [{ metadata, status }] = requests
  // Who wrote to it, by their own word: nobody but rollcall can have approved it.
  const writers = metadata.managedFields.map(({ manager }: ApiObject) => manager)
  expect(writers.sort()).toEqual(['kube-controller-manager', 'kubelet', 'rollcall'])
  const certificate = new X509Certificate(fromBase64(status.certificate))
  expect(certificate.subject).toBe('O=system:nodes\nCN=system:node:rack1-joins')

  const boot = await eventually('boot whose node is ready', 60, async () => {
    const found = await onlyTimeline(rollcall, 'rack1-joins')
    return found.stage === 'ready' ? found : undefined
  })
  expect(story(boot)).toMatch(
    inOrder(
      'dhcp.offer',
      'script.sent',
      'image.sent: kernel sent',
      'token.sent',
      'phone-home',
      'csr.approved',
      'node.ready',
    ),
  )

  await eventually('end of the Secret', 60, async () =>
    (await bootstrapSecrets()).length === 0 ? true : undefined,
  )
  // The API server remembers for 10 s whom it has let in (tokenSuccessCacheTTL).
  const kubeconfig = kube.kubeconfig('again', { token: `${id}.${secret}` })
  const refusal = await eventually('refusal of the token', 15, async () => {
    const again = await kube.kubectl(['get', 'csr'], { kubeconfig, anyExit: true })
    return again.code === 0 ? undefined : again.stderr
  })
  expect(refusal).toMatch(/Unauthorized|must be logged in/)

  const audit = await rollcall.api('GET', '/api/v1/audit?machine=rack1-joins')
  const about = { machine: 'rack1-joins', boot: boot.id, token: id }
  expect(audit.body.entries).toMatchObject([
    { kind: 'token.minted', ...about },
    { kind: 'token.claimed', ...about },
    { kind: 'token.sent', ...about },
    { kind: 'csr.approved', ...about, evidence: { request: metadata.name } },
    { kind: 'node.ready', machine: 'rack1-joins', boot: boot.id },
    { kind: 'token.closed', ...about },
  ])
  const byToken = await rollcall.api('GET', `/api/v1/audit?token=${id}`)
  expect(byToken.body.entries.length).toBeGreaterThanOrEqual(4)

  const said = [console, rollcall.log(), JSON.stringify([boot, audit.body, byToken.body])]
  for (const path of ['machines', 'machines/rack1-joins', 'boots', 'leases', 'images']) {
    said.push(JSON.stringify((await rollcall.api('GET', `/api/v1/${path}`)).body))
  }
  expect(said.join('\n')).toContain(id)
  expect(said.join('\n')).not.toContain(secret)
}, 720_000)
