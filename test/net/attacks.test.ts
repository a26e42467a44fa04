import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addBridge, createLab, type Lab, type Namespace } from './lab.ts'
import { nodeBinary, startRollcall, type Rollcall } from './lab-rollcall.ts'
import { tool } from './lab-tools.ts'

/**
 * Each line of the threat model in docs/security.md, tried from where its attacker sits. The one thing
 * that every attacker wants is `secret`.
 */
const secret = 'qzxw7890vutsrqpo'
const tokenId = 'atk123'
const server = '192.0.2.1'
const bridge = 'br0'
const uuid = '4c4c4544-0042-3510-8056-b4c04f4e3133'
/** Option 97: type 0, and SMBIOS's byte order. */
const uuidOption = '0x61:0044454c4c420010358056b4c04f4e3133'
const asIpxe = ['-V', 'PXEClient:Arch:00000:UNDI:002001', '-x', '0x4d:69505845', '-x', '0x5d:0000']
const bound = join(import.meta.dirname, '..', 'boot', 'images', 'tiny', 'bound')
const ca = join(import.meta.dirname, '..', 'golden', 'cluster-ca.crt')

interface Node {
  readonly name: string
  readonly ns: Namespace
  readonly mac: string
}

let lab: Lab
let rollcall: Rollcall
let folder: string
let serverNs: Namespace
/** The machine that the token is for; another machine of the inventory; a box that nobody knows. */
let worker: Node
let neighbour: Node
let pod: Namespace

beforeAll(async () => {
  lab = await createLab()
  folder = mkdtempSync(join(tmpdir(), 'rollcall-attacks-'))
  lab.onClose(() => rmSync(folder, { recursive: true, force: true }))
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, Buffer.alloc(32, 9).toString('base64'), { mode: 0o600 })
  serverNs = await lab.namespace('server')
  await addBridge(serverNs, bridge, `${server}/24`)
  const group = { name: 'workers', token: 'stored', windowSeconds: 600 }
  rollcall = await startRollcall(lab, serverNs, {
    interfaces: [bridge],
    cluster: { server: 'https://192.0.2.10:6443', caFile: ca },
    secrets: { keyFile },
    join: {
      groups: [
        {
          ...group,
          name: 'checked',
          selector: { uuid: 'checked' },
          requires: ['netboot', 'address', 'uuid'],
        },
        group,
      ],
    },
  })
  await rollcall.api('PUT', '/api/v1/subnets/rack', {
    network: '192.0.2.0/24',
    pools: ['192.0.2.100-192.0.2.199'],
    router: server,
  })
  await importImage()
  worker = await machine('worker-1', '52:54:00:00:09:01')
  neighbour = await machine('worker-2', '52:54:00:00:09:02')
  pod = await podOn(worker)
  await rollcall.api('PUT', '/api/v1/machines/worker-1/token', { token: `${tokenId}.${secret}` })
})

afterAll(() => lab.close())

describe('the machine itself', () => {
  test('gets its token, once', async () => {
    const seed = await boot(worker)
    expect(await userData(worker.ns, seed)).toContain(`${tokenId}.${secret}`)
    expect(await userData(worker.ns, seed)).not.toContain(secret)
    await refusedFor(/it was handed out before/)
  })
})

describe('a pod on a worker', () => {
  test('replays the seed path that it read in /proc/cmdline', async () => {
    const seed = await boot(worker)
    expect(await userData(worker.ns, seed)).toContain(secret)
    expect(await userData(pod, seed)).not.toContain(secret)
    await refusedFor(/handed out before/)
  })

  test('asks for a boot script of its own node, and for the seed in it', async () => {
    await boot(worker)
    const seed = await script(pod, worker.mac)
    expect(await userData(pod, seed)).not.toContain(secret)
    await refusedFor(/the boot did not begin with DHCP/)
  })

  test.each([['0.0.0.0'], ['192.0.2.200'], ['198.51.100.1']])(
    'forges the DHCP of its node first, as from relay %s',
    async (giaddr) => {
      await boot(worker)
      await forge(pod, worker.mac, giaddr)
      const seed = await script(pod, worker.mac)
      expect(await userData(pod, seed)).not.toContain(secret)
      await refusedFor(/the boot did not begin with DHCP/)
    },
  )

  test("forges the DHCP of a machine that boots at this moment: that one's boot goes on", async () => {
    const seed = await boot(worker)
    await forge(pod, worker.mac, '0.0.0.0')
    expect(await userData(worker.ns, seed)).toContain(secret)
  })

  test("asks for another machine's boot script", async () => {
    await boot(neighbour)
    const text = await fetchText(pod, `/boot/${neighbour.mac.replaceAll(':', '-')}.ipxe`)
    expect(text).toContain("which is not this machine's address")
    expect(text).not.toContain('/seed/')
  })
})

describe('another machine in the segment', () => {
  test('asks with a seed path that it has overheard', async () => {
    const seed = await boot(worker)
    await boot(neighbour)
    expect(await userData(neighbour.ns, seed)).not.toContain(secret)
    await refusedFor(/asked from 192\.0\.2\.\d+, but the machine holds/)
    // And the machine itself is none the worse for it.
    expect(await userData(worker.ns, seed)).toContain(secret)
  })

  test('says in X-Forwarded-For that it is the machine', async () => {
    const seed = await boot(worker)
    await boot(neighbour)
    const address = await addressOf(worker)
    const text = await userData(neighbour.ns, seed, ['--header', `X-Forwarded-For: ${address}`])
    expect(text).not.toContain(secret)
    await refusedFor(/asked from/)
  })

  test('guesses a seed path', async () => {
    await boot(worker)
    expect(await userData(neighbour.ns, `/seed/${'0'.repeat(26)}/`)).toBe('unknown-seed\n')
  })

  test('takes the address of a machine, without DHCP', async () => {
    await boot(worker)
    const thief = await box('thief', '52:54:00:00:09:77')
    const address = await addressOf(worker)
    await worker.ns.ip('link set eth0 down')
    await thief.ns.ip(`address add ${address}/24 dev eth0`)
    const seed = await script(thief.ns, worker.mac)
    expect(await userData(thief.ns, seed)).not.toContain(secret)
    await refusedFor(/the boot did not begin with DHCP/)
    await thief.ns.ip('link set eth0 down')
    await worker.ns.ip('link set eth0 up')
  })
})

describe('a spoofed MAC', () => {
  test('and all that goes with it gets the token: noticed, since the machine then gets none', async () => {
    const before = await boot(worker)
    await worker.ns.ip('link set eth0 down')
    const twin = await box('twin', worker.mac)
    const seed = await boot(twin)
    expect(await userData(twin.ns, seed)).toContain(secret)
    await twin.ns.ip('link set eth0 down')
    await worker.ns.ip('link set eth0 up')
    // The real one was in the middle of its boot: its path is spent, and its timeline shows two.
    expect(await userData(worker.ns, before)).not.toContain(secret)
    const { body } = await rollcall.api('GET', '/api/v1/boots?machine=worker-1')
    expect(body.boots[1]).toMatchObject({ outcome: 'superseded' })
  })

  test('without the UUID that the inventory has gets nothing where that is asked for', async () => {
    const mac = '52:54:00:00:09:05'
    const real = await machine('checked-1', mac, { uuid, labels: { uuid: 'checked' } })
    await rollcall.api('PUT', '/api/v1/machines/checked-1/token', { token: `atk999.${secret}` })
    const seed = await boot(real, ['-x', uuidOption])
    expect(await userData(real.ns, seed)).toContain(secret)
    await real.ns.ip('link set eth0 down')
    const twin = await box('unknowing', mac)
    expect(await userData(twin.ns, await boot(twin))).not.toContain(secret)
    await refusedFor(/did not say its UUID/, 'checked-1')
    await twin.ns.ip('link set eth0 down')
  })
})

describe('what is stolen', () => {
  test('a database, or a backup of one, has no token in clear, and is of no use without the key', async () => {
    const stolen = join(folder, 'stolen')
    for (const suffix of ['', '-wal']) {
      const path = join(rollcall.stateDir, `rollcall.db${suffix}`)
      if (!existsSync(path)) continue
      copyFileSync(path, `${stolen}${suffix}`)
      expect(readFileSync(path).includes(secret)).toBe(false)
    }
    expect(readFileSync(stolen).includes('v1.') || existsSync(`${stolen}-wal`)).toBe(true)
  })

  test('a management token reads no bootstrap token, in whatever it asks', async () => {
    const { body: openapi } = await rollcall.api('GET', '/api/v1/openapi.json')
    const seen: string[] = []
    for (const [path, methods] of Object.entries<Record<string, unknown>>(openapi.paths)) {
      if (!('get' in methods) || path.endsWith('/events')) continue
      const filled = path.replace('{machine}', 'worker-1').replace('{group}', 'workers')
      seen.push(JSON.stringify((await rollcall.ask('GET', filled)).body))
    }
    for (const { id } of (await rollcall.api('GET', '/api/v1/boots')).body.boots) {
      seen.push(JSON.stringify((await rollcall.api('GET', `/api/v1/boots/${id}`)).body))
    }
    seen.push(JSON.stringify((await rollcall.ask('GET', '/metrics')).body))
    expect(seen.join('\n')).toContain(tokenId)
    expect(seen.join('\n')).toContain('bootstrap_tokens_refused_total')
    expect(seen.join('\n')).not.toContain(secret)
  })

  test('the log has ids and alarms, and no secret', () => {
    expect(rollcall.log()).toContain('"alarm":"token.refused"')
    expect(rollcall.log()).not.toContain(secret)
  })
})

describe('kill -9 of the server', () => {
  test('at any moment of a release: never a second time', async () => {
    for (let round = 0; round < 6; round += 1) {
      const seed = await boot(worker)
      const asking = userData(worker.ns, seed)
      await new Promise((resolve) => setTimeout(resolve, round * 8))
      await rollcall.stop('SIGKILL')
      const got = [await asking]
      await rollcall.start()
      got.push(await userData(worker.ns, seed), await userData(worker.ns, seed))
      expect(got.filter((text) => text.includes(secret)).length).toBeLessThanOrEqual(1)
    }
  })

  test('without its key it starts, says what works, and gives out no token', async () => {
    const keyFile = join(folder, 'key')
    const key = readFileSync(keyFile)
    await rollcall.stop()
    rmSync(keyFile)
    await rollcall.start()
    const { body } = await rollcall.api('GET', '/api/v1/status')
    expect(body.secrets.state).toBe('no-key')
    expect(body.secrets.problem).toMatch(/cannot be read.*Names, images and boots work/)
    const seed = await boot(worker)
    const text = await userData(worker.ns, seed)
    expect(text).toContain('NODE_NAME=worker-1')
    expect(text).not.toContain(secret)
    await rollcall.stop()
    writeFileSync(keyFile, key)
    await rollcall.start()
    expect(await userData(worker.ns, seed)).toContain(secret)
  })
})

async function importImage(): Promise<void> {
  const directory = mkdtempSync(join(folder, 'image-'))
  const part = (name: string): object => {
    const bytes = Buffer.from(`the ${name} of no system\n`)
    writeFileSync(join(directory, name), bytes)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return { file: name, sha256, size: bytes.length }
  }
  const manifest = {
    ...{ schema: 1, name: 'nothing', arch: 'x86_64', commandLine: 'console=ttyS0' },
    ...{ kernel: part('kernel'), initrd: part('initrd') },
    seedArgument: 'ds=nocloud;h={hostname};i={instance-id};s={seed}',
  }
  writeFileSync(join(directory, 'image.json'), JSON.stringify(manifest))
  await rollcall.cli(['image', 'import', directory, '--default'])
}

/** Something with a NIC on the segment. */
async function box(name: string, mac: string): Promise<Node> {
  const ns = await lab.namespace(name)
  await lab.veth({ ns, device: 'eth0', mac }, { ns: serverNs, device: `to-${name}`, bridge })
  return { name, ns, mac }
}

async function machine(name: string, mac: string, fields: object = {}): Promise<Node> {
  await rollcall.api('PUT', `/api/v1/machines/${name}`, { macs: [mac], ...fields })
  return box(name, mac)
}

/** Behind its node's address, as the usual pod network has it. */
async function podOn(node: Node): Promise<Namespace> {
  const ns = await lab.namespace('pod')
  await lab.veth({ ns, device: 'eth0' }, { ns: node.ns, device: 'cni0' })
  await node.ns.ip('address add 198.51.100.129/25 dev cni0')
  await ns.ip('address add 198.51.100.130/25 dev eth0')
  await ns.ip('route add default via 198.51.100.129')
  const hook = 'type nat hook postrouting priority 100;'
  const rules = `table ip pods { chain out { ${hook} oifname "eth0" masquerade; }; }`
  await node.ns.exec([tool('nft'), rules])
  await node.ns.exec(['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
  return ns
}

/** iPXE's DHCP and its script. @returns the path of the seed */
async function boot({ ns, mac }: Node, more: readonly string[] = []): Promise<string> {
  const dhcp = [tool('udhcpc'), '-i', 'eth0', '-n', '-q', '-t', '10', '-T', '1', '-s', bound]
  await ns.exec([...dhcp, ...asIpxe, ...more])
  return script(ns, mac)
}

async function script(ns: Namespace, mac: string): Promise<string> {
  const text = await fetchText(ns, `/boot/${mac.replaceAll(':', '-')}.ipxe`)
  const seed = /s=http:\/\/[^/]*(\/seed\/[^/]*\/)/.exec(text)?.[1]
  if (seed === undefined) throw new Error(`no seed in the script:\n${text}`)
  expect(text).not.toContain(secret)
  return seed
}

const userData = (ns: Namespace, seed: string, more: readonly string[] = []): Promise<string> =>
  fetchText(ns, `${seed}user-data`, more)

async function fetchText(
  ns: Namespace,
  path: string,
  more: readonly string[] = [],
): Promise<string> {
  const curl = [
    tool('curl'),
    '--silent',
    '--max-time',
    '10',
    ...more,
    `http://${server}:8080${path}`,
  ]
  return (await ns.exec(curl, { anyExit: true })).stdout
}

const forge = (ns: Namespace, mac: string, giaddr: string) =>
  ns.exec([nodeBinary, join(import.meta.dirname, 'forged-dhcp.ts'), server, mac, giaddr])

async function addressOf({ mac }: Node): Promise<string> {
  const { body } = await rollcall.api('GET', '/api/v1/leases')
  return body.leases.find((lease: { mac: string }) => lease.mac === mac).address
}

/** The last thing that the audit says of a machine. */
async function refusedFor(words: RegExp, name = 'worker-1'): Promise<void> {
  const { body } = await rollcall.api('GET', `/api/v1/audit?machine=${name}`)
  const last = body.entries.findLast(({ kind }: { kind: string }) => kind === 'token.refused')
  expect(last?.reason).toMatch(words)
}
