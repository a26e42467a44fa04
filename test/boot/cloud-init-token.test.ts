import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { addNode, bootNode, fileOn, type Node } from './cloud-init.ts'
import { makeSegment, onlyTimeline, type Segment } from './segment.ts'

// Debian 12's own cloud-init takes the user-data with a token in it: merged with the machine's own.

const secret = 'clo7890inituser7'
let segment: Segment
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-token-'))
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, Buffer.alloc(32, 5))
  chmodSync(keyFile, 0o600)
  segment = await makeSegment('debian', {
    cluster: {
      server: 'https://192.0.2.10:6443',
      caFile: join(import.meta.dirname, '..', 'golden', 'cluster-ca.crt'),
    },
    secrets: { keyFile },
    join: {
      groups: [
        {
          ...{ name: 'workers', token: 'stored', nodeLabels: { rack: 'r12' } },
          nodeTaints: ['fresh=yes:NoSchedule'],
        },
      ],
    },
  })
  segment.lab.onClose(() => rmSync(folder, { recursive: true, force: true }))
}, 1_200_000)
afterAll(() => segment?.lab.close())

/** /run is gone when the machine is, so a copy is left on its disk. */
const copy = 'cp -a /run/rollcall /var/lib/copied'

async function machine(name: string, last: string, cloudConfig?: string): Promise<Node> {
  const mac = `52:54:00:00:06:${last}`
  const fields = { macs: [mac], ...(cloudConfig === undefined ? {} : { cloudConfig }) }
  await segment.rollcall.api('PUT', `/api/v1/machines/${name}`, fields)
  await segment.rollcall.api('PUT', `/api/v1/machines/${name}/token`, {
    token: `tok0${last}.${secret}`,
  })
  return addNode(segment, name, mac)
}

test("the token's files and the machine's own are all written", async () => {
  const node = await machine(
    'joins',
    '01',
    `write_files:
  - path: /var/lib/own
    permissions: '0640'
    content: its own
runcmd:
  - ${copy}
  - stat -c '%a %U %n' /run/rollcall/* /var/lib/own > /var/lib/modes
`,
  )
  const outcome = await bootNode(segment, node)
  expect(outcome.hostname).toBe('joins')
  expect(outcome.status).toMatchObject({ status: 'done', errors: [] })
  expect(outcome.log).not.toContain('Invalid cloud-config')
  expect(fileOn(node, 'var/lib/own')).toBe('its own')
  expect(fileOn(node, 'var/lib/modes')?.split('\n').sort()).toEqual([
    '',
    '600 root /run/rollcall/bootstrap-kubeconfig',
    '600 root /run/rollcall/kubelet.env',
    '640 root /var/lib/own',
  ])
  const kubeconfig = parse(fileOn(node, 'var/lib/copied/bootstrap-kubeconfig') ?? '')
  expect(kubeconfig.users).toEqual([{ name: 'bootstrap', user: { token: `tok001.${secret}` } }])
  expect(fileOn(node, 'var/lib/copied/kubelet.env')).toContain(
    'KUBELET_NODE_ARGS=--hostname-override=joins --node-labels=rack=r12 --register-with-taints=fresh=yes:NoSchedule\n',
  )
  const boot = await onlyTimeline(segment.rollcall, 'joins')
  const kinds = boot.events.map(({ kind }) => kind)
  // It asks for its user-data once, and no later stage asks again.
  expect(kinds.filter((kind) => kind.startsWith('token.'))).toEqual(['token.stored', 'token.sent'])
  expect(boot.outcome).toBe('up')
  expect(segment.rollcall.log()).not.toContain(secret)
})

test('a machine with nothing of its own gets the files too', async () => {
  const node = await machine('plain', '02')
  const outcome = await bootNode(segment, node)
  expect(outcome.status).toMatchObject({ status: 'done', errors: [] })
  expect(outcome.log).not.toContain('Invalid cloud-config')
  expect(outcome.log).toContain('/run/rollcall/bootstrap-kubeconfig')
  const boot = await onlyTimeline(segment.rollcall, 'plain')
  expect(boot.events.map(({ kind }) => kind)).toContain('token.sent')
})
