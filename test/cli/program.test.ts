import { createSocket } from 'node:dgram'
import { chmodSync, mkdirSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import type { Lease } from '../../src/core/lease.ts'
import { epochMs } from '../../src/values/time.ts'
import { rack, start } from '../serve/api/management.ts'
import { ip, macNumber, subnet } from '../support/inventory.ts'
import { environment, rollcall, runWith } from './rollcall.ts'

test('subnets', async () => {
  const { run } = await rollcall()
  const options = ['--network', rack.network, '--pool', '192.0.2.100-192.0.2.199']
  const more = ['--dns', '192.0.2.53', '--dns', '192.0.2.54', '--lease-time', '600']
  expect((await run('subnet', 'add', 'rack', ...options, ...more)).out).toBe('subnet rack added\n')
  expect((await run('subnet', 'list')).out).toMatch(
    /\nrack +192.0.2.0\/24 +192.0.2.100-192.0.2.199/,
  )
  const shown = await run('subnet', 'show', 'rack')
  expect(shown.out).toMatch(/dns +192.0.2.53, 192.0.2.54\nlease time +600 s\n/)
  expect(await run('subnet', 'add', 'rack', '--network', rack.network)).toEqual({
    status: 1,
    out: '',
    err: "rollcall: there is a subnet 'rack' already: rollcall subnet set rack changes it\n",
  })
  const set = async (...args: readonly string[]) => {
    const { out } = await run('subnet', 'set', 'rack', ...args)
    const json = JSON.parse((await run('subnet', 'show', 'rack', '--json')).out) as object
    return { out, ...json }
  }
  const pools = ['192.0.2.100-192.0.2.199']
  expect(await set('--router', '192.0.2.1', '--no-dns')).toEqual({
    out: 'subnet rack changed\n',
    name: 'rack',
    network: rack.network,
    pools,
    router: '192.0.2.1',
    dns: [],
    ntp: [],
    leaseTime: 600,
    unregistered: 'ignore',
    version: 2,
  })
  expect((await set('--lease-time', '600')).out).toBe('subnet rack was like that already\n')
  const more2 = ['--dns', '192.0.2.53', '--ntp', '192.0.2.54', '--unregistered', 'serve']
  expect(await set('--no-router', ...more2)).toMatchObject({
    pools,
    dns: ['192.0.2.53'],
    ntp: ['192.0.2.54'],
    unregistered: 'serve',
  })
  expect(await set('--no-pool', '--no-ntp')).toMatchObject({ pools: [], ntp: [] })
  const two = ['--pool', '192.0.2.10-192.0.2.19', '--pool', '192.0.2.30-192.0.2.39']
  expect(await set('--no-pool', ...two)).toMatchObject({ pools: [two[1], two[3]] })
  expect((await run('subnet', 'set', 'other', '--no-dns')).err).toContain('no subnet')
  expect((await run('subnet', 'remove', 'rack')).out).toBe('subnet rack removed\n')
  expect((await run('subnet', 'list')).out).toContain('no subnet yet')
})

test('leases and tokens', async () => {
  const { run, server, env, file } = await rollcall()
  expect((await run('lease', 'list')).out).toBe('no leases\n')
  expect((await run('machine', 'unregistered')).out).toContain('nobody unknown')
  const created = await run('token', 'create', 'ci')
  expect(created.out).toMatch(/^rollcall_\S{43}\n$/)
  const mine = { ...env, ROLLCALL_TOKEN: created.out.trim() }
  expect((await runWith(mine, 'token', 'list')).out).toMatch(/^ID +NAME +CREATED\n.*test.*\n.*ci/)
  const tokens = JSON.parse((await run('token', 'list', '--json')).out) as { id: string }[]
  expect((await run('token', 'revoke', tokens[1]!.id)).status).toBe(0)
  expect(await runWith(mine, 'token', 'list')).toMatchObject({
    status: 1,
    err: `rollcall: the API token from ROLLCALL_TOKEN is not known at ${server}; it may have been revoked\n`,
  })
  const old = file('old.token', 'rollcall_old\n')
  expect(await run('--token-file', old, 'token', 'list')).toMatchObject({
    status: 1,
    err: `rollcall: the API token from ${old} is not known at ${server}; it may have been revoked\n`,
  })
  const again = await run('token', 'create', 'test')
  expect(again.status).toBe(1)
  expect(again.err).toContain("there is an API token 'test' already")
  const torn = await run('--token-file', file('torn.token', 'two words'), 'token', 'list')
  expect(torn.err).toContain('torn.token holds no API token')
})

test('a lease is removed', async () => {
  const { run, store } = await rollcall()
  const address = ip('192.0.2.100')
  const expires = epochMs(start + 60_000)
  const [mac, since] = [macNumber(1), start]
  const held: Lease = { mac, subnet: subnet().name, address, state: 'bound', since, expires }
  await store.update(() => ({
    changes: [
      { kind: 'subnet.put', subnet: subnet() },
      { kind: 'lease.put', lease: held },
    ],
    result: undefined,
  }))
  expect((await run('lease', 'remove', '192.0.2.100')).out).toBe('lease on 192.0.2.100 removed\n')
  expect(await run('lease', 'remove', '192.0.2.100')).toMatchObject({
    status: 1,
    err: 'rollcall: there is no lease on 192.0.2.100\n',
  })
  expect((await run('lease', 'remove', '--help')).out).toContain('may go on using the address')
})

test('the token comes from an option, the environment, a file, or the state directory', async () => {
  const { token, server, directory, file } = await rollcall()

  const home = environment(directory)
  const tokenFile = file('token', `${token}\n`)
  const list = ['--server', `${server}/`, 'machine', 'list', '--json']
  const status = async (env: NodeJS.ProcessEnv, ...args: readonly string[]) =>
    (await runWith({ ...home, ...env }, ...list, ...args)).status
  expect(await status({})).toBe(1)
  expect(await status({ ROLLCALL_TOKEN_FILE: tokenFile })).toBe(0)
  expect(await status({ ROLLCALL_TOKEN: token })).toBe(0)
  expect(await status({ ROLLCALL_TOKEN: 'other' }, '--token-file', tokenFile)).toBe(0)
  expect(await status({}, '--token-file', `${tokenFile}.none`)).toBe(1)
  mkdirSync(`${directory}/.local/state/rollcall`, { recursive: true })
  file('.local/state/rollcall/admin.token', token)
  expect(await status({})).toBe(0)
})

test.for([
  [['frob'], "error: unknown command 'frob'"],
  [['machine', 'frob'], "error: unknown command 'frob'"],
  [['machine', 'add', 'w1'], "error: required option '--mac <mac>' not specified"],
  [['machine', 'list', '--frob'], "error: unknown option '--frob'"],
  [['machine', 'show'], "error: missing required argument 'machine'"],
  [['machine', 'add', 'w1', '--mac', 'm', '--label', 'x'], 'write a label as key=value'],
  [['subnet', 'add', 'x', '--network', 'n', '--lease-time', 'x'], 'this must be a whole number'],
  [['machine'], 'Usage: rollcall machine'],
] as const)('%j is not understood: 2', async ([args, words]) => {
  const finished = await runWith(environment('/'), ...args)
  expect(finished.status).toBe(2)
  expect(finished.err).toContain(words)
})

test.for([
  ['http://127.0.0.1:9', 'http://127.0.0.1:9 does not answer: '],
  ['127.0.0.1:8470', "'127.0.0.1:8470' is no server address"],
] as const)('no server at %s', async ([server, words]) => {
  const env = { ...environment('/'), ROLLCALL_TOKEN: 'x' }
  const finished = await runWith(env, '--server', server, 'machine', 'list')
  expect(finished.status).toBe(1)
  expect(finished.err).toContain(words)
  expect(finished.err.trimEnd()).not.toContain('\n')
})

test('help and version are no failure', async () => {
  const env = environment('/')
  expect(await runWith(env, '--help')).toMatchObject({ status: 0, err: '' })
  expect((await runWith(env, 'machine', 'add', '--help')).out).toContain('--cloud-config <file>')
  const add = await runWith(env, 'help', 'machine', 'add')
  expect([add.status, add.out]).toEqual([0, expect.stringContaining('rollcall machine add')])
  expect((await runWith(env, 'help')).out).toBe((await runWith(env, '--help')).out)
  expect((await runWith(env, 'help', 'machine')).out).toContain('Usage: rollcall machine')
  expect((await runWith(env, '--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('check-config', async () => {
  const { run, file } = await rollcall()
  const good = file('good.yaml', 'interfaces: [lo]\n')
  expect(await run('check-config', good)).toEqual({ status: 0, out: `${good} is valid\n`, err: '' })
  const bad = await run('check-config', file('bad.yaml', 'dhcp: { prt: 67 }\n'))
  expect(bad.status).toBe(1)
  expect(bad.err).toContain('dhcp')
  expect((await run('check-config', `${good}.none`)).err).toContain('cannot be read')
})

test('the doctor finds nothing to complain of, and what is missing', async () => {
  const { run, call, file, directory } = await rollcall()
  const ports = 'dhcp: { port: 0 }\ntftp: { port: 0 }\nhttp: { port: 0 }\nmanagement: { port: 0 }\n'
  file('undionly.kpxe', 'ipxe')
  const text = `stateDir: ${directory}/state\n${ports}bootFiles: { directories: [${directory}] }\n`
  const well = await run('doctor', '--config', file('well.yaml', text))
  expect(well.status).toBe(0)
  expect(well.out).toMatch(/^ok +Node\.js 24/)
  expect(well.out).toContain('ok    interface lo has 127.0.0.1\n')
  expect(well.out).toContain(`ok    iPXE for BIOS: ${directory}/undionly.kpxe\n`)
  const lacking = well.out.match(/warn +no iPXE .*\n +.*\n/g)
  expect(lacking).toHaveLength(1)
  expect(lacking?.[0]).toMatch(/for UEFI x86-64 \(snponly.efi, .*UEFI arm64/)
  expect(lacking?.[0]).toContain('leave it if no such machine boots here')
  expect(lacking?.[0]).not.toContain('install')
  expect(well.out).toMatch(/warn +no image\n +no machine can boot: rollcall image import DIR\n/)
  await call('PUT', '/subnets/rack', rack)
  expect((await run('doctor', '--config', `${directory}/well.yaml`)).out).toContain('1 subnet(s)')

  mkdirSync(`${directory}/state`, { mode: 0o755 })
  file('state/rollcall.db', '')
  file('state/rollcall.db-wal', '')
  file('state/admin.token', '')
  chmodSync(`${directory}/state/admin.token`, 0o600)
  const open = await run('doctor', '--config', `${directory}/well.yaml`)
  expect(open.status).toBe(1)
  expect(open.out).toContain(
    `fail  everybody on this host can read rollcall.db, rollcall.db-wal in stateDir ${directory}/state\n      chmod 700 ${directory}/state\n`,
  )
  chmodSync(`${directory}/state`, 0o700)
  expect((await run('doctor', '--config', `${directory}/well.yaml`)).status).toBe(0)

  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  onTestFinished(() => void socket.close())
  const { port } = socket.address()
  file('locked', '')
  chmodSync(`${directory}/locked`, 0o400)
  const ill = file(
    'ill.yaml',
    `stateDir: ${directory}/locked/state\ninterfaces: [lo, nowhere0]\ntftp: { port: ${port} }\ndhcp: { enabled: false }\n`,
  )
  const found = await run('--server', 'http://127.0.0.1:9', 'doctor', '--config', ill)
  expect(found.status).toBe(1)
  expect(found.out).toMatch(
    /fail +there is no interface nowhere0; this host has .*lo.*\n +put it right/,
  )
  expect(found.out).toContain(`fail  TFTP port ${port}/udp on 127.0.0.1 is in use\n`)
  expect(found.out).toContain(`fail  stateDir ${directory}/locked/state cannot be written\n`)
  expect(found.out).toMatch(/warn +no server answers at http:\/\/127.0.0.1:9\n +start it/)

  const broken = await run('doctor', '--config', file('broken.yaml', 'frob: 1\n'))
  expect(broken.status).toBe(1)
  expect(broken.out).toMatch(/fail .*frob/)
})
