import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { boots, type Timeline } from '../../src/cli/boot-view.ts'
import { type DemoFiles, writeDemoFiles } from '../../src/cli/demo-files.ts'
import { racks } from '../../src/cli/demo-rack.ts'
import {
  type DemoServer,
  freePorts,
  type Ports,
  startDemoServer,
} from '../../src/cli/demo-server.ts'
import type { Nic } from '../../src/simulator/dhcp-clients.ts'
import { type Site, udpLink } from '../../src/simulator/link.ts'
import { machineKinds, powerOn } from '../../src/simulator/machine.ts'
import type { Progress } from '../../src/simulator/progress.ts'
import { openRelay, type Relay } from '../../src/simulator/relay.ts'
import { must } from '../../src/values/parse.ts'
import { parseSmbiosUuid } from '../../src/values/uuid.ts'
import { macNumber } from '../support/inventory.ts'

/** The simulated machines against the real server, in a process of its own. */
let directory: string
let files: DemoFiles
let server: DemoServer
let ports: Ports
let relay: Relay
let next = 1

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rollcall-test-'))
  files = writeDemoFiles(directory, 'test-1')
  ports = await freePorts()
  server = await startDemoServer(
    { directory, interface: 'lo', ports, bootFiles: files.bootFiles },
    AbortSignal.timeout(30_000),
  )
  await server.cli('image', 'import', files.image, '--default')
  for (const { subnet, fields } of Object.values(racks)) {
    await server.client.send('PUT', `/subnets/${subnet}`, { json: fields })
  }
  relay = await openRelay(racks.relayed.giaddr, { address: '127.0.0.1', port: ports.dhcp })
}, 60_000)

afterAll(async () => {
  relay?.close()
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
})

function newNic(): Nic {
  const mac = macNumber(next)
  const digits = String(next).padStart(12, '0')
  next += 1
  const uuid = must(parseSmbiosUuid(`4c4c4544-0042-3510-8056-${digits}`))
  return { mac, uuid, duid: Uint8Array.of(255, 0, 0, 0, next, 0, 2, 0, 0, 0xab, 0x11, 1, 2, 3, 4) }
}

const site = (plugIn?: Site['plugIn']): Site => ({
  plugIn: plugIn ?? (() => udpLink('127.0.0.1', { address: '127.0.0.1', port: ports.dhcp })),
  tftpPort: ports.tftp,
  random: randomBytes,
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
})

const register = async (hostname: string, { mac }: Nic): Promise<void> => {
  await server.client.send('PUT', `/machines/${hostname}`, { json: { macs: [mac] } })
}

async function timeline(hostname: string): Promise<Timeline> {
  const [latest] = await boots(server.client, hostname)
  return server.client.get<Timeline>(`/boots/${latest?.id}`)
}

const kindsOf = ({ events }: Timeline): readonly string[] =>
  events
    .filter(({ kind }) => kind !== 'cloud-init')
    .map(({ kind, details }) => {
      const { client, via, file, part, document } = details
      return [kind, client, via, file, part, document]
        .filter((word) => word !== undefined)
        .join(' ')
    })

const dhcp = (client: string): readonly string[] => [`dhcp.offer ${client}`, `dhcp.ack ${client}`]
const ending = [
  'script.sent',
  'image.sent kernel',
  'image.sent initrd',
  ...dhcp('system'),
  'seed.sent network-config',
  'seed.sent meta-data',
  'seed.sent user-data',
  'seed.sent vendor-data',
  'phone-home',
]

describe('the timeline of', () => {
  test.each([
    ['uefiPxe', [...dhcp('pxe'), 'boot-file.sent tftp snponly.efi']],
    ['biosPxe', [...dhcp('pxe'), 'boot-file.sent tftp undionly.kpxe']],
    ['uefiHttp', [...dhcp('uefi-http'), 'boot-file.sent http ipxe.efi']],
    ['biosRom', []],
  ] as const)('%s', async (kind, firmware) => {
    const nic = newNic()
    const hostname = `${kind.toLowerCase()}-1`
    await register(hostname, nic)
    const stages: string[] = []
    const signal = AbortSignal.timeout(20_000)
    const progress = await powerOn(
      { kind: machineKinds[kind], nic, site: site() },
      signal,
      ({ stage }) => stages.at(-1) !== stage && stages.push(stage),
    )
    expect(progress).toMatchObject({ stage: 'up', hostname, phonedHome: true })
    expect(progress.problem).toBeUndefined()
    expect(progress.kernel?.sha256).toBe(files.kernelSha256)
    expect(progress.initrd?.sha256).toBe(files.initrdSha256)
    const { bootFile } = progress
    expect(bootFile?.sha256).toBe(bootFile && files.bootFileSha256.get(bootFile.name))
    const firmwareStages = firmware.length > 0 ? ['firmware', 'boot-file'] : []
    expect(stages).toEqual([
      ...firmwareStages,
      ...['ipxe', 'script', 'kernel', 'initrd', 'system', 'cloud-init', 'up'],
    ])
    const told = await timeline(hostname)
    expect(told).toMatchObject({ outcome: 'up', stage: 'up', mac: nic.mac })
    expect(kindsOf(told)).toEqual([...firmware, ...dhcp('ipxe'), ...ending])
  })

  test('iPXE of 2025, which runs autoexec.ipxe first, and that asks DHCP', async () => {
    const nic = newNic()
    await register('new-1', nic)
    const machine = { kind: machineKinds.uefiPxe2025, nic, site: site() }
    const progress = await powerOn(machine, AbortSignal.timeout(20_000))
    expect(progress).toMatchObject({ stage: 'up', hostname: 'new-1' })
    const told = kindsOf(await timeline('new-1'))
    expect(told.filter((each) => each.startsWith('boot-file'))).toEqual([
      'boot-file.sent tftp snponly.efi',
      'boot-file.sent tftp autoexec.ipxe',
    ])
    expect(told.slice(4)).toEqual([...dhcp('ipxe'), ...ending])
  })

  test('a machine behind a relay', async () => {
    const nic = newNic()
    await register('relayed-1', nic)
    const machine = { kind: machineKinds.uefiPxe, nic, site: site(() => relay.plugIn()) }
    const progress = await powerOn(machine, AbortSignal.timeout(20_000))
    expect(progress).toMatchObject({ stage: 'up', hostname: 'relayed-1' })
    expect(progress.address).toMatch(/^127\.78\./)
    const { events } = await timeline('relayed-1')
    const acks = events.filter(({ kind }) => kind === 'dhcp.ack')
    expect(acks.map(({ details }) => details['relay'])).toEqual(
      Array.from({ length: 3 }, () => racks.relayed.giaddr),
    )
  })
})

/** Runs until its screen or its stage says something, then the plug is pulled. */
async function until(
  kind: keyof typeof machineKinds,
  nic: Nic,
  isEnough: (progress: Progress) => boolean,
): Promise<Progress> {
  const plug = new AbortController()
  const signal = AbortSignal.any([plug.signal, AbortSignal.timeout(20_000)])
  return powerOn({ kind: machineKinds[kind], nic, site: site() }, signal, (progress) => {
    if (isEnough(progress)) plug.abort()
  })
}

test('a stranger gets an address and is told who it is not', async () => {
  const nic = newNic()
  const said = `rollcall: ${nic.mac} is not in the inventory; add it with:`
  const progress = await until('uefiPxe', nic, ({ console }) => console.includes(said))
  expect(progress).toMatchObject({ stage: 'script', problem: 'powered off' })
  expect(progress.hostname).toBeUndefined()
  expect(progress.console).toContain(said)
})

test('a machine that is powered on again gets its name again, in a second boot', async () => {
  const nic = newNic()
  await register('twice-1', nic)
  const first = await until('biosPxe', nic, ({ stage }) => stage === 'system')
  expect(first.problem).toBe('powered off')
  const machine = { kind: machineKinds.biosPxe, nic, site: site() }
  const second = await powerOn(machine, AbortSignal.timeout(20_000))
  expect(second).toMatchObject({ stage: 'up', hostname: 'twice-1' })
  expect(second.address).toBe(first.address)
  const outcomes = (await boots(server.client, 'twice-1')).map(({ outcome }) => outcome)
  expect(outcomes).toEqual(['up', 'superseded'])
})
