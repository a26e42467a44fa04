import { afterAll, beforeAll, expect, test } from 'vitest'
import { addNode, bootNode, fileOn, netboot, startCloudInit, type Node } from './cloud-init.ts'
import { makeSegment, onlyTimeline, story, timelines, type Segment } from './segment.ts'

// Debian 12's own cloud-init, 22.4, against the server; no virtual machine. Each test has a node of
// its own.

let segment: Segment
beforeAll(async () => {
  segment = await makeSegment('debian')
}, 1_200_000)
afterAll(() => segment?.lab.close())

const cloudConfig = `write_files:
  - path: /var/lib/from-user-data
    content: |
      it was applied
runcmd:
  - echo ran >> /var/lib/runs
`

/** A machine of the inventory and a node that has its MAC. */
async function machine(name: string, last: string, more: object = {}): Promise<Node> {
  const mac = `52:54:00:00:05:${last}`
  await segment.rollcall.api('PUT', `/api/v1/machines/${name}`, { macs: [mac], ...more })
  return addNode(segment, name, mac)
}

test('all well: name, user-data, stage by stage on the timeline, phone home', async () => {
  const node = await machine('well', '01', { cloudConfig })
  // Without the fallback, so that the name can only come from the seed.
  const commandLine = await netboot(node)
  const bare = commandLine.replace('systemd.hostname=well ', '')
  expect(bare).not.toContain('=well')
  const outcome = await startCloudInit(segment, node, bare).outcome()
  expect(outcome.hostname).toBe('well')
  expect(outcome.status).toMatchObject({ status: 'done', errors: [] })
  expect(outcome.steps.filter((step) => !step.startsWith('0 '))).toEqual([])
  expect(outcome.datasource).toMatch(/^DataSourceNoCloudNet: .*\[dsmode=net\]$/)
  expect(fileOn(node, 'etc/hostname')).toBe('well\n')
  expect(fileOn(node, 'var/lib/from-user-data')).toBe('it was applied\n')
  expect(fileOn(node, 'var/lib/runs')).toBe('ran\n')
  // It checks all that it was given against its own schema.
  expect(outcome.log).not.toContain('Invalid cloud-config')

  const boot = await onlyTimeline(segment.rollcall, 'well')
  expect(boot).toMatchObject({ stage: 'up', outcome: 'up' })
  expect(boot.problem).toBeUndefined()
  const kinds = boot.events.map(({ kind }) => kind)
  expect(kinds.filter((kind) => kind === 'phone-home')).toHaveLength(1)
  // The webhook is named by vendor-data, so what came before it was read is not reported.
  const reported = boot.events.filter(({ kind }) => kind === 'cloud-init')
  for (const stage of ['init-network', 'modules-config', 'modules-final']) {
    const end = { name: stage, phase: 'finish', result: 'SUCCESS' }
    expect(reported.map(({ details }) => details)).toContainEqual(expect.objectContaining(end))
  }
  expect(reported.length).toBeGreaterThan(50)
})

test('empty documents: a machine with no cloud-config of its own gets its name all the same', async () => {
  const node = await machine('plain', '02')
  const outcome = await bootNode(segment, node)
  expect(outcome.hostname).toBe('plain')
  expect(outcome.status).toMatchObject({ status: 'done', errors: [] })
  expect(await onlyTimeline(segment.rollcall, 'plain')).toMatchObject({ outcome: 'up' })
})

test('a command of the user-data that fails is a problem on the timeline', async () => {
  const node = await machine('failing', '03', { cloudConfig: 'runcmd: [ "exit 7" ]\n' })
  const outcome = await bootNode(segment, node)
  expect(outcome.hostname).toBe('failing')
  const boot = await onlyTimeline(segment.rollcall, 'failing')
  expect(boot.outcome).toBe('up')
  expect(boot.problem).toMatch(/^cloud-init failed in modules-final/)
  expect(story(boot)).toContain('cloud-init ends modules-final/config-scripts-user: FAIL')
})

test('a server that restarts while cloud-init asks loses nothing', async () => {
  const { rollcall } = segment
  const node = await machine('patient', '04', { cloudConfig })
  const commandLine = await netboot(node)
  await rollcall.stop()
  const boot = startCloudInit(segment, node, commandLine)
  try {
    // Its first try has failed, ten follow, a second apart.
    await boot.waitForLog(/\[1\/11\] open '.*\/meta-data'/, 60)
  } finally {
    await rollcall.start()
  }
  const outcome = await boot.outcome()
  expect(outcome.hostname).toBe('patient')
  expect(outcome.datasource).toContain('DataSourceNoCloudNet')
  expect(fileOn(node, 'var/lib/runs')).toBe('ran\n')
  const timeline = await onlyTimeline(rollcall, 'patient')
  expect(timeline).toMatchObject({ stage: 'up', outcome: 'up' })
})

test('a server that stays away: the name is still the one of the command line', async () => {
  const { rollcall } = segment
  const node = await machine('alone', '05', { cloudConfig })
  const commandLine = await netboot(node)
  await rollcall.stop()
  let outcome
  try {
    outcome = await startCloudInit(segment, node, commandLine).outcome()
  } finally {
    await rollcall.start()
  }
  expect(outcome.hostname).toBe('alone')
  // cloud-init 22.4 gives up after eleven tries and calls that a success, without any user-data.
  expect(outcome.status).toMatchObject({ status: 'done', errors: [] })
  expect(outcome.datasource).toBe('DataSourceNone: DataSourceNone')
  expect(fileOn(node, 'var/lib/runs')).toBeUndefined()
  // Only the server can tell: this boot never got as far as its seed.
  const boot = await onlyTimeline(rollcall, 'alone')
  expect(boot).toMatchObject({ stage: 'system', outcome: 'running' })
})

test('a kept disk: the same instance id renames it without running anything again', async () => {
  const { rollcall } = segment
  const node = await machine('before', '06', { cloudConfig })
  const first = await bootNode(segment, node)
  expect(first.hostname).toBe('before')

  await rollcall.api('PUT', `/api/v1/machines/${node.mac}`, {
    hostname: 'after',
    macs: [node.mac],
    cloudConfig,
  })
  const second = await bootNode(segment, node)
  expect(second.instance).toBe(first.instance)
  expect(second.hostname).toBe('after')
  expect(fileOn(node, 'etc/hostname')).toBe('after\n')
  expect(fileOn(node, 'var/lib/runs')).toBe('ran\n')
  const boots = await timelines(rollcall, 'after')
  expect(boots.map(({ stage, outcome }) => `${stage} ${outcome}`)).toEqual(['up up', 'up up'])
  // phone_home runs once an instance, so it is the last webhook event that tells of the second boot.
  const kinds = boots.map(({ events }) => events.some(({ kind }) => kind === 'phone-home'))
  expect(kinds).toEqual([true, false])
})

test('a kept disk: a new instance id runs everything again', async () => {
  const { rollcall } = segment
  const node = await machine('old-role', '07', { cloudConfig })
  const first = await bootNode(segment, node)
  await rollcall.api('DELETE', '/api/v1/machines/old-role')
  await rollcall.api('PUT', '/api/v1/machines/new-role', { macs: [node.mac], cloudConfig })

  const second = await bootNode(segment, node)
  expect(second.instance).not.toBe(first.instance)
  expect(second.hostname).toBe('new-role')
  expect(fileOn(node, 'var/lib/runs')).toBe('ran\nran\n')
  const boot = await onlyTimeline(rollcall, 'new-role')
  expect(boot).toMatchObject({ stage: 'up', outcome: 'up' })
})
