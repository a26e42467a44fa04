import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePhoneHome, parseWebhook } from '../../src/core/cloud-init-event.ts'
import { parseHostname, type Hostname } from '../../src/values/hostname.ts'
import { must } from '../../src/values/parse.ts'

const named = (text: string): Hostname => must(parseHostname(text))

interface Request {
  readonly path: string
  readonly body?: string
}
const capture = JSON.parse(
  readFileSync(
    new URL('../golden/documents/cloud-init-22.4-requests.json', import.meta.url),
    'utf8',
  ),
) as readonly Request[]
const bodies = (path: string): readonly string[] =>
  capture.filter((request) => request.path === path).map(({ body }) => body ?? '')

describe('the webhook', () => {
  test('every event of a whole boot of Debian 12 is understood', () => {
    const events = bodies('events').map((body) => must(parseWebhook(body)))
    expect(events).toHaveLength(61)
    expect(events[0]).toEqual({
      kind: 'cloud-init',
      name: 'init-network/activate-datasource',
      phase: 'start',
      description: 'activating datasource',
    })
    expect(events.at(-1)).toEqual({
      kind: 'cloud-init',
      name: 'modules-final',
      phase: 'finish',
      result: 'SUCCESS',
      description: 'running modules for final',
    })
  })

  test('a failure', () => {
    const body = JSON.stringify({
      name: 'modules-final/config-scripts-user',
      event_type: 'finish',
      result: 'FAIL',
    })
    expect(parseWebhook(body)).toEqual({
      ok: true,
      value: {
        kind: 'cloud-init',
        name: 'modules-final/config-scripts-user',
        phase: 'finish',
        result: 'FAIL',
      },
    })
  })

  test('words are cut, and what would move a cursor is gone', () => {
    const body = JSON.stringify({
      name: `\u001b[2Jx\u202e${'y'.repeat(1000)}`,
      event_type: 'start',
      description: 'a\n\u0000b',
      result: ['not', 'words'],
    })
    expect(parseWebhook(body)).toEqual({
      ok: true,
      value: {
        kind: 'cloud-init',
        name: `[2Jx ${'y'.repeat(195)}`,
        phase: 'start',
        description: 'a b',
      },
    })
  })

  test.each([
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '{}',
    '{"name":"a"}',
    '{"name":" ","event_type":"start"}',
  ])('refuses %j', (body) => {
    expect(parseWebhook(body)).toMatchObject({ ok: false })
  })

  test('never throws, and never lets through what a terminal obeys', () => {
    const event = fc.record(
      {
        name: fc.string({ unit: 'binary' }),
        event_type: fc.constantFrom('start', 'finish', 'other'),
        description: fc.oneof(fc.string({ unit: 'binary', maxLength: 2000 }), fc.jsonValue()),
        result: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      event.map((value) => JSON.stringify(value)),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('utf8')),
    )
    fc.assert(
      fc.property(body, (text) => {
        const parsed = parseWebhook(text)
        if (!parsed.ok) expect(parsed.problem).not.toBe('')
        else expect(JSON.stringify(parsed.value)).not.toMatch(/\\u00[01]|\\ud[89a-f]|\\[bfnrt]/)
      }),
    )
  })
})

describe('phone home', () => {
  test('as Debian 12 sends it', () => {
    expect(bodies('phone-home').map((body) => parsePhoneHome(body, named('w0')))).toEqual([
      {
        ok: true,
        value: { kind: 'phone-home', hostname: 'w0', instanceId: 'i-1', matches: true },
      },
    ])
  })

  test.each<[string, string, string, boolean, string]>([
    ['its name', 'worker-1', 'hostname=worker-1&fqdn=worker-1', true, 'worker-1'],
    ['a made-up domain', 'worker-1', 'hostname=worker-1&fqdn=worker-1.local', true, 'worker-1'],
    ['no fqdn', 'worker-1', 'hostname=worker-1', true, 'worker-1'],
    ['dots', 'w1.dc.example', 'hostname=w1&fqdn=w1.dc.example', true, 'w1.dc.example'],
    ['dots, all in one', 'w1.dc.example', 'hostname=w1.dc.example', true, 'w1.dc.example'],
    ['no name', 'worker-1', 'hostname=localhost&fqdn=localhost', false, 'localhost'],
    ['another domain', 'w1.dc.example', 'hostname=w1&fqdn=w1.lab.example', false, 'w1'],
    ['the first label only', 'w1.dc.example', 'hostname=w1', false, 'w1'],
    ['more than was issued', 'w1', 'hostname=w1.dc&fqdn=w1.dc', false, 'w1.dc'],
    ['an escape', 'w1', 'hostname=%1b%5b31mw1', false, '[31mw1'],
    ['twice: the last counts', 'w1', 'hostname=w1&hostname=w2', false, 'w2'],
  ])('%s', (_, issued, form, matches, hostname) => {
    expect(parsePhoneHome(form, named(issued))).toEqual({
      ok: true,
      value: { kind: 'phone-home', hostname, matches },
    })
  })

  test.each(['', 'x=y', 'hostname=', 'hostname=%20', '{"hostname":"w0"}'])('refuses %j', (form) => {
    expect(parsePhoneHome(form, named('w0'))).toMatchObject({ ok: false })
  })

  test('never throws', () => {
    const bytes = fc.uint8Array().map((octets) => Buffer.from(octets).toString('utf8'))
    const pair = fc.tuple(
      fc.constantFrom('hostname', 'fqdn', '__proto__'),
      fc.string({ unit: 'binary' }),
    )
    const form = fc.array(pair).map((pairs) => String(new URLSearchParams(pairs)))
    fc.assert(
      fc.property(fc.oneof(bytes, fc.string({ unit: 'binary' }), form), (text) => {
        expect(parsePhoneHome(text, named('w0'))).toHaveProperty('ok')
      }),
    )
  })
})
