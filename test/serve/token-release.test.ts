import { parse, parseAllDocuments } from 'yaml'
import { describe, expect, test } from 'vitest'
import type { FileEntry } from '../../src/core/documents/join.ts'
import type { BootToken } from '../../src/core/boot-token.ts'
import { closedVault } from '../../src/store/vault.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, macNumber } from '../support/inventory.ts'
import { fullDisk, start } from './provisioning-scene.ts'
import { cluster, group, secret, tokenId, tokenScene, vault, whole } from './token-scene.ts'

const stranger = ip('192.0.2.77')
const relay = ip('198.51.100.1')

const filesIn = (text: string): readonly FileEntry[] =>
  (parse(text) as { write_files: readonly FileEntry[] }).write_files

describe('the machine that was booted', () => {
  test('gets a bootstrap kubeconfig and what its kubelet has to know, once', async () => {
    const { ask, boot, token, events, audit, settled, latest } = await tokenScene()
    const { seed } = await boot()
    expect(token()).toMatchObject({ state: 'ready', source: 'stored', id: tokenId })
    const response = await ask(`${seed}user-data`)
    const text = await response.text()
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(text.split('\n', 1)).toEqual(['#cloud-config'])
    const files = filesIn(text)
    expect(files.map(({ path, owner, permissions }) => [path, owner, permissions])).toEqual([
      ['/run/rollcall/kubelet.env', 'root:root', '0600'],
      ['/run/rollcall/bootstrap-kubeconfig', 'root:root', '0600'],
    ])
    expect(files[0]!.content).toBe(`NODE_NAME=worker-1
NODE_LABELS=rack=r12
NODE_TAINTS=fresh=yes:NoSchedule
KUBELET_NODE_ARGS=--hostname-override=worker-1 --node-labels=rack=r12 --register-with-taints=fresh=yes:NoSchedule
`)
    expect(parse(files[1]!.content)).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'cluster',
          cluster: {
            server: cluster.server,
            'certificate-authority-data': Buffer.from(cluster.ca).toString('base64'),
          },
        },
      ],
      users: [{ name: 'bootstrap', user: { token: whole } }],
      contexts: [{ name: 'bootstrap', context: { cluster: 'cluster', user: 'bootstrap' } }],
      'current-context': 'bootstrap',
    })
    await settled()
    expect(token()).toMatchObject({ state: 'sent', id: tokenId })

    const again = await ask(`${seed}user-data`)
    expect(again.status).toBe(200)
    expect(filesIn(await again.text()).map(({ path }) => path)).toEqual([
      '/run/rollcall/kubelet.env',
    ])
    const kinds = (await events()).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind.startsWith('token.'))).toEqual([
      'token.stored',
      'token.sent',
      'token.refused',
    ])
    expect((await audit()).map(({ kind, token: id }) => [kind, id])).toEqual([
      ['token.claimed', tokenId],
      ['token.sent', tokenId],
      ['token.refused', tokenId],
    ])
    expect((await audit())[0]!.evidence).toMatchObject({
      address: 'yes: 192.0.2.50',
      netboot: 'yes: it began with DHCP on the wire',
    })
    expect(latest()?.problem).toBe('no bootstrap token: it was handed out before')
  })

  test('keeps its own cloud-config as people wrote it', async () => {
    const cloudConfig = 'write_files:\n  - {path: /a, permissions: 0644} # octal\nfoo: yes\n'
    const { ask, boot } = await tokenScene({ machine: { cloudConfig } })
    const { seed } = await boot()
    const text = await (await ask(`${seed}user-data`)).text()
    expect(text.split('\n', 1)).toEqual(['#cloud-config-archive'])
    const parts = parse(text) as readonly { type: string; content: string }[]
    expect(parts[0]).toEqual({
      type: 'text/cloud-config',
      content: `#cloud-config\n${cloudConfig}`,
    })
    expect(parse(parts[1]!.content)).toMatchObject({
      merge_how: 'list(append)+dict(no_replace,recurse_list)+str()',
    })
    expect(parts[1]!.content).toContain(whole)
    expect(parseAllDocuments(text)).toHaveLength(1)
  })

  test('gets another one when it boots again', async () => {
    const { ask, boot, settled } = await tokenScene()
    for (let round = 0; round < 3; round += 1) {
      const { seed } = await boot()
      expect(await (await ask(`${seed}user-data`)).text()).toContain(secret)
      await settled()
    }
  })

  test('only user-data has it', async () => {
    const { ask, boot } = await tokenScene()
    const { seed } = await boot()
    for (const name of ['meta-data', 'vendor-data', 'network-config']) {
      expect(await (await ask(`${seed}${name}`)).text()).not.toContain(secret)
    }
    expect((await ask(`${seed}user-data`, { method: 'HEAD' })).status).toBe(200)
    expect(await (await ask(`${seed}user-data`)).text()).toContain(secret)
  })

  test('of many that ask at once one gets it', async () => {
    const { ask, boot } = await tokenScene()
    const { seed } = await boot()
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => (await ask(`${seed}user-data`)).text()),
    )
    expect(answers.filter((text) => text.includes(secret))).toHaveLength(1)
  })
})

describe('the document without the secret', () => {
  const cases: readonly (readonly [
    string,
    Parameters<typeof tokenScene>[0],
    (scene: Awaited<ReturnType<typeof tokenScene>>) => Promise<{ seed: string; from?: number }>,
    RegExp,
  ])[] = [
    [
      'from another address',
      {},
      async ({ boot }) => ({ ...(await boot()), from: stranger }),
      /asked from 192.0.2.77, but the machine holds 192.0.2.50/,
    ],
    [
      'a running system that asks for a script: a pod, say',
      {},
      async ({ boot, fetchScript }) => {
        await boot()
        return fetchScript()
      },
      /did not begin with DHCP/,
    ],
    [
      'a disk was booted after all, and its system asks for the script',
      {},
      async ({ powerOn, fetchScript, time }) => {
        await powerOn()
        time.now = epochMs(start + 61_000)
        return fetchScript()
      },
      /its script was fetched 61 s after its DHCP/,
    ],
    [
      'after the window',
      {},
      async ({ boot, time }) => {
        const { seed } = await boot()
        time.now = epochMs(start + 600_000)
        return { seed }
      },
      /window closed/,
    ],
    [
      'after the boot came up',
      {},
      async ({ boot, ask }) => {
        const { seed } = await boot()
        await ask(`${seed}phone-home`, { method: 'POST', body: 'hostname=worker-1' })
        return { seed }
      },
      /the boot is over: up/,
    ],
    [
      'no UUID was said, and one is asked for',
      { group: { requires: new Set(['uuid']) } },
      async ({ boot }) => boot(),
      /the inventory has no UUID/,
    ],
    [
      'where it is plugged in was never learnt',
      { group: { requires: new Set(['relay-port']) } },
      async ({ boot }) => boot(),
      /was not learnt/,
    ],
    [
      'plugged in elsewhere',
      { group: { requires: new Set(['relay-port']) } },
      async ({ boot, change }) => {
        const mac = macNumber(1)
        await change({ kind: 'relay-port.learnt', mac, port: { relay, circuit: '01' } })
        return boot({ netboot: start, ports: [{ mac, relay, circuit: '02' }] })
      },
      /it is at relay 198.51.100.1 circuit 02, learnt was relay 198.51.100.1 circuit 01/,
    ],
    [
      'no token is stored',
      { stored: false },
      async ({ boot }) => boot(),
      /no token is stored for it or for group workers/,
    ],
    [
      'the key is missing',
      { deps: { join: { groups: [group()], cluster, vault: closedVault('the key is not here') } } },
      async ({ boot }) => boot(),
      /the key is not here/,
    ],
  ]

  test.each(cases)('%s', async (_, given, prepare, words) => {
    const scene = await tokenScene(given)
    const { seed, from } = await prepare(scene)
    const asked = from === undefined ? {} : { from: ip('192.0.2.77') }
    const response = await scene.ask(`${seed}user-data`, asked)
    expect(response.status).toBe(200)
    const text = await response.text()
    expect(text).toContain('NODE_NAME=worker-1')
    expect(text).not.toContain('bootstrap-kubeconfig')
    expect(text).not.toContain(secret)
    const events = await scene.events()
    const refused = events.findLast(({ kind }) => kind === 'token.refused')
    expect(refused).toMatchObject({ reason: expect.stringMatching(words) })
    const audit = (await scene.audit()).at(-1)!
    expect(audit).toMatchObject({ kind: 'token.refused', machine: scene.worker.id })
    expect(audit.reason).toMatch(words)
    const alarms = JSON.stringify(scene.logged)
    expect(alarms).toContain('token.refused')
    expect(JSON.stringify([events, scene.logged, await scene.audit()])).not.toContain(secret)
  })

  test('a refusal spends nothing: the machine itself still gets it', async () => {
    const { ask, boot } = await tokenScene()
    const { seed } = await boot()
    await ask(`${seed}user-data`, { from: stranger })
    expect(await (await ask(`${seed}user-data`)).text()).toContain(secret)
  })

  test('a path that nobody minted, and the path of the boot before', async () => {
    const { ask, boot } = await tokenScene()
    const old = await boot()
    await boot()
    expect((await ask(`/seed/${'0'.repeat(26)}/user-data`)).status).toBe(404)
    expect((await ask(`${old.seed}user-data`)).status).toBe(404)
  })

  test('a stranger who asks on and on fills neither disk nor log', async () => {
    const { ask, boot, audit, logged } = await tokenScene()
    const { seed } = await boot()
    for (let round = 0; round < 1100; round += 1) {
      await ask(`${seed}user-data`, { from: stranger })
    }
    expect((await audit()).length).toBeLessThanOrEqual(1000)
    const alarms = logged.filter((line) => JSON.stringify(line).includes('"alarm"'))
    expect(alarms.length).toBeLessThanOrEqual(1000)
  })
})

describe('a group that asks for the serial number', () => {
  const given = {
    group: { requires: new Set(['serial'] as const) },
    machine: { serial: 'CZ 1234' },
  }
  const path = '/boot/52-54-00-00-00-01.ipxe'

  test('sends the machine back to say it, and believes the one that is registered', async () => {
    const { ask, powerOn, latest } = await tokenScene(given)
    await powerOn()
    const first = await (await ask(path)).text()
    expect(first).toContain(
      '${rollcall-url}/boot/${asked-mac}.ipxe?arch=${buildarch}&serial=${serial:uristring}',
    )
    expect(first).not.toContain('/seed/')
    expect(latest()).not.toHaveProperty('issued')
    const text = await (await ask(`${path}?arch=x86_64&serial=CZ%201234`)).text()
    const seed = /;s=http:\/\/[^/]*(\/seed\/[^/]*\/)/.exec(text)![1]!
    expect(await (await ask(`${seed}user-data`)).text()).toContain(secret)
  })

  test.each(['', 'other'])('gives nothing to one that says "%s"', async (serial) => {
    const { ask, powerOn } = await tokenScene(given)
    await powerOn()
    const text = await (await ask(`${path}?arch=x86_64&serial=${serial}`)).text()
    const seed = /;s=http:\/\/[^/]*(\/seed\/[^/]*\/)/.exec(text)![1]!
    expect(await (await ask(`${seed}user-data`)).text()).not.toContain(secret)
  })
})

describe('a token that is not ready', () => {
  const minted = { group: { token: 'minted' as const } }

  test('is worth a wait, as long as the window is open', async () => {
    const { ask, boot, token, time } = await tokenScene(minted)
    const { seed } = await boot()
    expect(token()).toMatchObject({ source: 'minted', state: 'wanted' })
    const early = await ask(`${seed}user-data`)
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '2'])
    time.now = epochMs(start + 600_000)
    const late = await ask(`${seed}user-data`)
    expect(late.status).toBe(200)
    expect(await late.text()).not.toContain('bootstrap-kubeconfig')
  })

  test('is refused at once to whoever may not have it', async () => {
    const { ask, boot } = await tokenScene(minted)
    const { seed } = await boot()
    expect((await ask(`${seed}user-data`, { from: stranger })).status).toBe(200)
  })

  test('is given out when it is there, and its text is gone from the record', async () => {
    const { ask, boot, token, change } = await tokenScene(minted)
    const { seed } = await boot()
    const wanted = token()!
    const record = `boot-token ${wanted.boot} ${wanted.machine}`
    const sealed = vault.seal(secret, record)
    if (!sealed.ok) throw new Error(sealed.problem)
    const ready: BootToken = {
      ...wanted,
      ...{ state: 'ready', id: tokenId, secret: sealed.value, inCluster: true },
    }
    await change({ kind: 'boot-token.put', token: ready })
    expect(await (await ask(`${seed}user-data`)).text()).toContain(whole)
    expect(token()).not.toHaveProperty('secret')
  })
})

describe('on its way out', () => {
  test('a connection that is gone already costs no token', async () => {
    let isOpen = false
    const { ask, boot, token, audit } = await tokenScene({
      exchange: () => ({ isOpen: () => isOpen, onEnd: (ended) => ended(true) }),
    })
    const { seed } = await boot()
    await ask(`${seed}user-data`)
    expect(token()).toMatchObject({ state: 'ready' })
    expect(await audit()).toEqual([])
    isOpen = true
    expect(await (await ask(`${seed}user-data`)).text()).toContain(secret)
  })

  test('one that breaks off has lost it', async () => {
    const { ask, boot, token, audit, settled } = await tokenScene({
      exchange: () => ({ isOpen: () => true, onEnd: (ended) => ended(false) }),
    })
    const { seed } = await boot()
    await ask(`${seed}user-data`)
    await settled()
    expect(token()).toMatchObject({ state: 'lost', why: 'the connection broke off' })
    expect(await (await ask(`${seed}user-data`)).text()).not.toContain(secret)
    expect((await audit()).map(({ kind }) => kind)).toEqual([
      'token.claimed',
      'token.lost',
      'token.refused',
    ])
  })

  test('a disk that is full releases nothing', async () => {
    const scene = await tokenScene()
    const { seed } = await scene.boot()
    const full = await tokenScene({ deps: { store: fullDisk(scene.store) } })
    const response = await full.ask(`${seed}user-data`)
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await response.text()).not.toContain(secret)
  })
})
