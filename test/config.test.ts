import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig, parseConfig } from '../src/config.ts'

const reference = readFileSync(new URL('../docs/reference.yaml', import.meta.url), 'utf8')

test('the reference says what the program does', () => {
  const { stateDir, log, ...documented } = parseConfig(reference, 'reference.yaml')
  const { stateDir: _ours, log: defaultLog, ...defaults } = parseConfig('', 'nothing')
  expect(documented).toEqual(defaults)
  expect(stateDir).toBe('/var/lib/rollcall')
  expect(log).toEqual({ ...defaultLog, format: 'json' })
})

test('what the reference shows as examples is understood too', () => {
  const lines = reference.split('\n').map((line) => line.replace(/^( *)#: ?/, '$1'))
  const config = parseConfig(lines.filter((line) => line !== '  groups: []').join('\n'), 'r.yaml')
  expect(config.join.groups.map(({ name, requires }) => [name, requires])).toEqual([
    ['workers', ['netboot', 'address']],
  ])
  expect(config.cluster?.server).toBe('https://192.0.2.10:6443')
  expect(config.secrets.keyFile).toBe('/etc/rollcall/key')
  expect(config.dhcp.relays).toHaveLength(2)
})

test('with no configuration everything is on loopback and on high ports', () => {
  const config = loadConfig(undefined)
  expect(config.interfaces).toEqual(['lo'])
  expect(config.management.address).toBe('127.0.0.1')
  for (const port of [config.dhcp.port, config.tftp.port, config.http.port]) {
    expect(port).toBeGreaterThan(1023)
  }
})

test('naming a real interface means the well-known ports, unless said otherwise', () => {
  const config = parseConfig('interfaces: [eth1]\ntftp: { port: 1069 }', 'c.yaml')
  expect([config.dhcp.port, config.tftp.port]).toEqual([67, 1069])
})

describe('what is wrong is said with the file, the key and the reason', () => {
  test.each([
    ['intrefaces: [eth1]', /c\.yaml: .*intrefaces/],
    ['interfaces: []', /c\.yaml: interfaces: /],
    ['http: { port: 70000 }', /c\.yaml: http\.port: /],
    ['management: { address: everywhere }', /c\.yaml: management\.address: /],
    ['log: { level: loud }', /c\.yaml: log\.level: .*"debug"/],
    ['http: { trustedProxies: [proxy] }', /c\.yaml: http\.trustedProxies\.0: .*network/],
    [
      'join: { groups: [{ name: a, token: stored }] }',
      /c\.yaml: cluster: is missing: group 'a' has tokens/,
    ],
    ['join: { groups: [{ name: a, token: given }] }', /join\.groups\.0\.token: /],
    [
      'join: { groups: [{ name: a, token: none, requires: [luck] }] }',
      /join\.groups\.0\.requires\.0: .*"relay-port"/,
    ],
    [
      'join: { groups: [{ name: a, token: none }, { name: a, token: none }] }',
      /join: there are two groups 'a'/,
    ],
    [
      'join: { groups: [{ name: a, token: none, nodeTaints: [tainted] }] }',
      /nodeTaints\.0: 'tainted' is not a taint/,
    ],
    [
      'join: { groups: [{ name: a, token: none, nodeLabels: { node-role.kubernetes.io/w: "" } }] }',
      /nodeLabels: a kubelet may not set/,
    ],
    ['cluster: { server: http://192.0.2.1, caFile: x }', /cluster\.server: write it like https/],
    ['- a\n- list', /c\.yaml: /],
    ['a: [1', /c\.yaml is not YAML: .*line 1/],
  ])('%s', (text, words) => {
    expect(() => parseConfig(text, 'c.yaml')).toThrow(ConfigError)
    expect(() => parseConfig(text, 'c.yaml')).toThrow(words)
  })

  test('a file that is not there', () => {
    expect(() => loadConfig('/nowhere/c.yaml')).toThrow(/\/nowhere\/c\.yaml cannot be read/)
  })

  test('all of it at once', () => {
    expect(() => parseConfig('a: 1\nhttp: { port: x }', 'c.yaml')).toThrow(
      /http\.port[^]*a|a[^]*http\.port/,
    )
  })
})
