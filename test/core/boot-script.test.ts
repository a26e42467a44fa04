import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  answerScript,
  autoexecScript,
  bootScript,
  scriptFor,
  type ScriptAnswer,
  type ScriptBodies,
} from '../../src/core/boot-script.ts'
import type { Change } from '../../src/core/change.ts'
import { defaultSeedArgument, type Image } from '../../src/core/image.ts'
import type { BootId, ImageName, SeedDigest, SeedKey, Sha256 } from '../../src/values/ids.ts'
import { epochMs } from '../../src/values/time.ts'
import { factsOf, ip, machine, macNumber, subnet } from '../support/inventory.ts'

const now = epochMs(1_000_000)
const base = 'http://192.0.2.1:8080'
const seed = '0123456789abcdefghjkmnpqrs' as SeedKey
const fresh = { boot: '01m81w14q8v2vmjbmx0aje095h' as BootId, seed: 'digest' as SeedDigest }

const body = (name: string): string =>
  readFileSync(new URL(`../../netboot/${name}.ipxe`, import.meta.url), 'utf8')
const bodies: ScriptBodies = {
  boot: body('boot'),
  unregistered: body('unregistered'),
  wait: body('wait'),
  autoexec: body('autoexec'),
}

const worker = machine('worker-1', { address: ip('192.0.2.50') })
const image: Image = {
  name: 'worker-7' as ImageName,
  arch: 'x86_64',
  files: {
    kernel: { sha256: 'a'.repeat(64) as Sha256, size: 1 },
    initrd: { sha256: 'b'.repeat(64) as Sha256, size: 2 },
  },
  commandLine: 'init=/nix/store/abc-nixos-system/init console=ttyS0,115200 loglevel=4',
  seedArgument: defaultSeedArgument,
  created: now,
  ready: true,
}

const rack: readonly Change[] = [
  { kind: 'subnet.put', subnet: subnet() },
  { kind: 'machine.put', machine: worker },
]
const withImage = (change: Partial<Image> = {}): readonly Change[] => [
  ...rack,
  { kind: 'image.put', image: { ...image, ...change } },
  { kind: 'default-image.set', name: image.name },
]
const ask = { mac: macNumber(1), source: ip('192.0.2.50') }
const answer = (changes: readonly Change[], asked: Parameters<typeof answerScript>[1] = ask) =>
  answerScript(factsOf(...changes), asked, fresh, now)

describe('what a machine is answered', () => {
  test('its script, and a boot is minted', () => {
    expect(answer(withImage())).toEqual({
      result: { kind: 'boot', machine: worker, image, boot: fresh.boot },
      changes: [
        {
          kind: 'boot.put',
          boot: {
            id: fresh.boot,
            machine: worker.id,
            mac: macNumber(1),
            stage: 'script',
            outcome: 'running',
            opened: now,
            updated: now,
            events: 1,
            issued: { hostname: 'worker-1', image: 'worker-7', seed: 'digest', at: now },
          },
        },
        {
          kind: 'event.add',
          event: {
            at: now,
            machine: worker.id,
            boot: fresh.boot,
            mac: macNumber(1),
            event: { kind: 'script.sent', image: 'worker-7', hostname: 'worker-1' },
          },
        },
      ],
    })
  })

  test('the boot that its DHCP opened goes on; a second script opens the next', () => {
    const facts = factsOf(...withImage())
    const open = { id: '00dhcp' as BootId, machine: worker.id, mac: macNumber(1), events: 3 }
    const times = { opened: now, updated: now }
    facts.apply({
      kind: 'boot.put',
      boot: { ...open, ...times, stage: 'ipxe', outcome: 'running' },
    })
    const first = answerScript(facts, ask, fresh, now)
    expect(first.result).toMatchObject({ kind: 'boot', boot: '00dhcp' })
    for (const change of first.changes) facts.apply(change)
    expect(answerScript(facts, ask, fresh, now).result).toMatchObject({ boot: fresh.boot })
  })

  test('a MAC that nobody registered is told so, and leaves nothing behind', () => {
    expect(answer(withImage(), { ...ask, mac: macNumber(9) })).toEqual({
      changes: [],
      result: { kind: 'unregistered', mac: macNumber(9) },
    })
  })

  test.each([
    ['another address', ip('192.0.2.77'), '192.0.2.77'],
    ['no IPv4 address', undefined, 'an unknown address'],
  ])('from %s: no script, and no boot begins by it', (_, source, from) => {
    expect(answer(withImage(), { ...ask, source })).toEqual({
      changes: [],
      result: { kind: 'wait', reason: `asked from ${from}, which is not this machine's address` },
    })
  })

  test('a boot that runs is told once that somebody else asks, and is not kept going by it', () => {
    const facts = factsOf(...withImage())
    for (const change of answerScript(facts, ask, fresh, now).changes) facts.apply(change)
    const refused = (last: number) => {
      const source = ip(`192.0.2.${last}`)
      const { changes } = answerScript(facts, { ...ask, source }, fresh, epochMs(now + 9000))
      for (const change of changes) facts.apply(change)
      return changes
    }
    expect(refused(77).at(-1)).toMatchObject({
      kind: 'event.add',
      event: { event: { kind: 'script.refused' } },
    })
    expect(facts.latestBoot(worker.id)).toMatchObject({ id: fresh.boot, updated: now })
    expect([refused(78), refused(77)]).toEqual([[], []])
  })

  test.each([
    ['no image', rack, ask, 'no image is the default; import one'],
    [
      'an image on its way',
      withImage({ ready: false }),
      ask,
      'image worker-7 has not arrived whole',
    ],
    [
      'an image for other processors',
      withImage(),
      { ...ask, buildArch: 'arm64' as const },
      'image worker-7 is for x86_64, the machine is arm64',
    ],
    [
      'the other way round',
      withImage({ arch: 'aarch64' }),
      { ...ask, buildArch: 'i386' as const },
      'image worker-7 is for aarch64, the machine is i386',
    ],
  ])('waits: %s', (_, changes, asked, reason) => {
    const decided = answer(changes, asked)
    expect(decided.result).toEqual({ kind: 'wait', reason })
    expect(decided.changes.at(-1)).toMatchObject({
      kind: 'event.add',
      event: { machine: worker.id, event: { kind: 'script.refused', reason } },
    })
    expect(decided.changes).not.toContainEqual(
      expect.objectContaining({ boot: expect.objectContaining({ issued: expect.anything() }) }),
    )
  })

  test.each(['i386', 'x86_64', undefined] as const)('an x86-64 image boots on %s', (buildArch) => {
    const asked = buildArch === undefined ? ask : { ...ask, buildArch }
    expect(answer(withImage(), asked).result).toMatchObject({ kind: 'boot' })
  })
})

describe('the scripts', () => {
  const write = (given: ScriptAnswer): string => scriptFor(given, bodies, base, seed)
  const golden = (name: string): string => `../golden/boot-script/${name}.ipxe`

  test('of a machine', async () => {
    const script = write({ kind: 'boot', machine: worker, image, boot: fresh.boot })
    await expect(script).toMatchFileSnapshot(golden('boot'))
  })

  test('of a stranger', async () => {
    const script = write({ kind: 'unregistered', mac: macNumber(9) })
    await expect(script).toMatchFileSnapshot(golden('unregistered'))
  })

  test('of a machine that has to wait', async () => {
    const script = write({ kind: 'wait', reason: 'no image is the default; import one' })
    await expect(script).toMatchFileSnapshot(golden('wait'))
  })

  test('for an iPXE that asks before its own DHCP', async () => {
    const script = autoexecScript(bodies.autoexec, { url: base })
    await expect(script).toMatchFileSnapshot(golden('autoexec'))
  })

  test('an image without a command line of its own', () => {
    const plain = { ...image, commandLine: '', seedArgument: 's={seed}' }
    expect(write({ kind: 'boot', machine: worker, image: plain, boot: fresh.boot })).toContain(
      `\nset command-line s=${base}/seed/${seed}/\n`,
    )
  })

  test.each(Object.entries<string>({ ...bodies }))(
    '%s.ipxe never ends in the firmware',
    (_, text) => {
      const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
      const labels = lines.filter((line) => line.startsWith(':')).map((line) => line.slice(1))
      const targets = [...text.matchAll(/goto (\S+)/g)].map(([, label]) => label)
      expect(text).toMatch(/^#!ipxe\n/)
      expect(labels).toEqual(expect.arrayContaining(targets))
      expect(lines.at(-1)).toMatch(/goto \w+$/)
      // A line that fails ends the script, so whatever can fail says where to go on.
      for (const line of lines.filter((text) => /^(kernel|initrd|boot|chain|ifconf) /.test(text))) {
        expect(line).toMatch(/ \|\| goto \w+$/)
      }
      expect(text).not.toMatch(/^\s*(exit|shell|sanboot|reboot|poweroff|prompt)\b/m)
    },
  )
})

describe('values on top of a script', () => {
  /** As iPXE reads a script line (core/exec.c, image/script.c of iPXE). */
  function ipxeCommands(script: string): readonly (readonly string[])[] {
    const commands: string[][] = []
    for (const line of script.replaceAll(/\\\r?\n/g, '').split('\n')) {
      let command: string[] = []
      for (const token of line.split(/[ \t\n\v\f\r]+/).filter((text) => text !== '')) {
        if (token.startsWith('#')) break
        if (['||', '&&', ';'].includes(token)) {
          commands.push(command)
          command = []
        } else command.push(token)
      }
      if (command.length > 0) commands.push(command)
    }
    return commands
  }

  const word = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(';', '&&', '||', '#', '#x', '${', '}', '\\', '\n', '\r', '\t', '\u2028', ''),
    fc.constantFrom('ds=nocloud;s=http://x/', 'a=b', 'init=/sbin/init', '--', '-x'),
  )

  test('one value stays one value, or is refused', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        const value = words.join(' ')
        let script: string
        try {
          script = bootScript('#!ipxe\nboot\n', { x: value })
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          return
        }
        const tokens = value.split(' ').filter((text) => text !== '')
        expect(ipxeCommands(script)).toEqual([['set', 'x', ...tokens], ['boot']])
        expect(script).not.toContain('${')
        expect(script).toMatch(/^#!ipxe\n/)
      }),
      { numRuns: 2000 },
    )
  })

  test('keeps the body, with its first line once', () => {
    expect(bootScript('#!ipxe\necho ${x}\n', { x: 'a', y: 'b' })).toBe(
      '#!ipxe\nset x a\nset y b\necho ${x}\n',
    )
    expect(bootScript('echo no first line\n', {})).toBe('#!ipxe\necho no first line\n')
  })

  test.each(['', ' ', 'a\nboot', 'a ; boot', 'a # b', '${net0/mac}', 'a\\', 'ä'])(
    'refuses %j',
    (value) => {
      expect(() => bootScript('', { x: value })).toThrow(TypeError)
    },
  )
})
