import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { autoexecScript, bootScript } from '../../src/core/boot-script.ts'
import { HttpFailure } from '../../src/simulator/http.ts'
import type { Download } from '../../src/simulator/ipxe-commands.ts'
import { runIpxe } from '../../src/simulator/ipxe-script.ts'
import { IpxeSettings } from '../../src/simulator/ipxe-settings.ts'

/** A machine that has an answer to every URL that it is given, and keeps a diary. */
function machine(files: Readonly<Record<string, string>> = {}, dhcp: readonly boolean[] = []) {
  const settings = new IpxeSettings()
  settings.set('mac', '52:54:00:00:00:01')
  settings.set('buildarch', 'x86_64')
  settings.set('next-server', '192.0.2.1')
  const diary: string[] = []
  const answers = [...dhcp]
  const host = {
    settings,
    nics: ['net0', 'net1'],
    async dhcp(nic: string) {
      diary.push(`dhcp ${nic}`)
      if (nic === 'net0' || answers.shift() === false) return false
      settings.set('netX/ifname', nic)
      return true
    },
    async fetch(uri: string): Promise<Download> {
      diary.push(`GET ${uri}`)
      const text = files[uri]
      if (text === undefined) throw new HttpFailure('status 404')
      const isScript = text.startsWith('#!ipxe')
      return { sha256: '', bytes: text.length, ...(isScript && { script: text }) }
    },
    async sleep(seconds: number) {
      diary.push(`sleep ${seconds}`)
    },
    print(line: string) {
      diary.push(`> ${line}`)
    },
  }
  return { host, diary }
}

async function diaryOf(script: string, files: Readonly<Record<string, string>> = {}) {
  const { host, diary } = machine(files)
  const end = await runIpxe(`#!ipxe\n${script}`, host)
  return { end, diary }
}

describe('the language, as core/exec.c and image/script.c have it', () => {
  const cases: readonly (readonly [name: string, script: string, printed: readonly string[]])[] = [
    ['settings', 'set a b  c\necho ${a}.', ['b c.']],
    ['a setting with a type', 'set n:int32 2\ninc n ${n}\necho ${n}', ['4']],
    ['inc from nothing', 'inc n\necho ${n}', ['1']],
    ['nested settings', 'set a x\nset x y\necho ${${a}}', ['y']],
    ['a setting that is not there', 'echo [${nothing}]', ['[]']],
    ['the MAC for a URL', 'echo ${mac:hexhyp} ${mac}', ['52-54-00-00-00-01 52:54:00:00:00:01']],
    ['or', 'isset ${a} || echo one\nset a 1\nisset ${a} || echo two', ['is not set', 'one']],
    ['and', 'iseq a a && echo one\niseq a b && echo two ||', ['one', 'a is not b']],
    ['semicolon', 'iseq a b ; echo one', ['a is not b', 'one']],
    ['or after what was skipped', 'echo a || echo b || echo c', ['a']],
    ['a comment', '# echo a\necho b # c', ['b']],
    ['goto, over the rest of the line', 'goto l && echo a\necho b\n:l\necho c', ['c']],
    ['a command behind its label', 'goto l\n:l echo a', ['a']],
    [
      'a loop',
      ':l\ninc n\necho ${n}\niseq ${n} 3 || goto l',
      ['1', '1 is not 3', '2', '2 is not 3', '3'],
    ],
    ['a line that goes on', 'echo a \\\nb', ['a b']],
    ['a setting whose value looks like a command', 'set a x || echo y\necho ${a}', ['x']],
    ['what is in a setting ends no command', 'set a b\nset x || \necho ${a} c', ['b c']],
    ['carriage returns', 'echo a\r\necho b\r', ['a', 'b']],
  ]
  test.each(cases)('%s', async (_name, script, printed) => {
    const { diary } = await diaryOf(script)
    expect(diary).toEqual(printed.map((line) => `> ${line}`))
  })

  test('a command that fails ends its script', async () => {
    const { end, diary } = await diaryOf('echo a\nkernel http://x/none\necho b')
    expect(diary).toEqual(['> a', 'GET http://x/none', '> kernel: status 404'])
    expect(end).toEqual({ kind: 'gives-up', reason: 'kernel: status 404' })
  })

  test.each([
    ['nosuch x', 'nosuch: command not found'],
    ['goto nowhere', 'no such label :nowhere'],
    ['sleep', 'sleep: wrong options or arguments'],
    ['kernel --nome x http://x/', 'kernel: wrong options or arguments'],
    ['isset a b', 'isset: wrong options or arguments'],
    ['set x:blob y', 'Could not store "x:blob"'],
    ['', 'the script came to its end'],
    ['exit', 'the script came to its end'],
    [':l\ngoto l', 'the script ran 10000 commands'],
  ])('%j gives up', async (script, reason) => {
    expect((await diaryOf(script)).end).toEqual({ kind: 'gives-up', reason })
  })

  test('a script that is none', async () => {
    const { host } = machine()
    expect(await runIpxe('<html>', host)).toEqual({
      kind: 'gives-up',
      reason: 'Exec format error',
    })
  })

  test('chain runs a script and comes back, chain --replace does not', async () => {
    const files = { 'http://x/s': '#!ipxe\necho inside' }
    const called = await diaryOf('chain http://x/s\necho after', files)
    expect(called.diary).toEqual(['GET http://x/s', '> inside', '> after'])
    const replaced = await diaryOf('chain --replace http://x/s || echo no\necho after', files)
    expect(replaced.diary).toEqual(['GET http://x/s', '> inside'])
  })

  test('a script that was chained to is no initrd of what it boots', async () => {
    const files = { 'http://x/s': '#!ipxe\nkernel http://x/k\nboot k', 'http://x/k': 'kernel' }
    const { end } = await diaryOf('chain http://x/s', files)
    expect(end).toMatchObject({ kind: 'boots', kernel: { name: 'k' }, initrds: [] })
  })

  test('boot takes the named kernel, its arguments, and whatever else was fetched', async () => {
    const files = { 'http://x/k': 'kernel', 'http://x/a': 'initrd', 'http://x/b': 'other' }
    const { end } = await diaryOf(
      'kernel -n linux --timeout 30000 http://x/k initrd=a  ds=nocloud;s=x\n' +
        'initrd http://x/a\ninitrd --name=c http://x/b\nboot linux',
      files,
    )
    expect(end).toMatchObject({
      kind: 'boots',
      kernel: { name: 'linux', commandLine: 'initrd=a ds=nocloud;s=x', bytes: 6 },
      initrds: [{ name: 'a' }, { name: 'c' }],
    })
  })
})

describe("rollcall's own scripts", () => {
  const folder = join(import.meta.dirname, '../../netboot')
  const body = (name: string): string => readFileSync(join(folder, name), 'utf8')
  const url = 'http://192.0.2.1:8080'
  const own = `${url}/boot/52-54-00-00-00-01.ipxe?arch=x86_64`
  const files = { [`${url}/k`]: 'kernel', [`${url}/i`]: 'initrd', [own]: '#!ipxe\nexit' }
  const facts = {
    'rollcall-url': url,
    machine: 'worker-1',
    image: 'demo',
    'boot-id': 'b1',
    'kernel-url': `${url}/k`,
    'initrd-url': `${url}/i`,
    'command-line': 'init=/init systemd.hostname=worker-1 ds=nocloud;h=worker-1;s=http://x/',
  }

  /** The first has no cable. */
  const everyNic = ['dhcp net0', 'dhcp net1']

  test('are those that are tested here', () => {
    const scripts = readdirSync(folder).filter((name) => name.endsWith('.ipxe'))
    expect(scripts).toEqual(['autoexec.ipxe', 'boot.ipxe', 'unregistered.ipxe', 'wait.ipxe'])
  })

  test('boot.ipxe boots with the whole command line', async () => {
    const { host, diary } = machine(files)
    const end = await runIpxe(bootScript(body('boot.ipxe'), facts), host)
    expect(end).toMatchObject({
      kind: 'boots',
      kernel: { name: 'kernel', commandLine: `initrd=initrd ${facts['command-line']}` },
      initrds: [{ name: 'initrd' }],
    })
    expect(diary.filter((line) => !line.startsWith('>'))).toEqual([`GET ${url}/k`, `GET ${url}/i`])
  })

  test('boot.ipxe asks for its script again when a file does not come, later each time', async () => {
    const { host, diary } = machine({}, [false, false, true])
    const rounds = await runIpxe(bootScript(body('boot.ipxe'), facts), {
      ...host,
      async fetch(uri: string) {
        if (uri !== own) return host.fetch(uri)
        diary.push(`GET ${uri}`)
        return { sha256: '', bytes: 1, script: '#!ipxe\nexit' }
      },
    })
    expect(rounds.kind).toBe('gives-up') // the script that stands in for the next one is at its end
    expect(diary.filter((line) => !line.startsWith('>'))).toEqual([
      `GET ${url}/k`,
      'sleep 2',
      ...everyNic,
      'sleep 4',
      ...everyNic,
      'sleep 8',
      ...everyNic,
      `GET ${own}`,
    ])
    expect(diary).toContain('> rollcall: worker-1 could not boot image demo (the reason is above)')
  })

  test('boot.ipxe asks first on the NIC that got the script, then on all', async () => {
    const { host, diary } = machine(files, [false, true])
    host.settings.set('netX/ifname', 'net1')
    await runIpxe(bootScript(body('wait.ipxe'), { 'rollcall-url': url, reason: 'x' }), host)
    const asked = diary.filter((line) => line.startsWith('dhcp'))
    expect(asked).toEqual(['dhcp net1', ...everyNic])
  })

  test('the pause between two tries ends at 64 s', async () => {
    const { host, diary } = machine(
      {},
      Array.from({ length: 8 }, () => false),
    )
    await runIpxe(bootScript(body('wait.ipxe'), { 'rollcall-url': url, reason: 'no image' }), {
      ...host,
      fetch: async () => ({ sha256: '', bytes: 1, script: '#!ipxe\nexit' }),
    })
    const pauses = diary.filter((line) => line.startsWith('sleep'))
    expect(pauses).toEqual([2, 4, 8, 16, 32, 64, 64, 64, 64].map((seconds) => `sleep ${seconds}`))
  })

  test('unregistered.ipxe says what to do', async () => {
    const { host, diary } = machine(files)
    const asked = { 'rollcall-url': url, 'asked-mac': '52:54:00:00:00:01' }
    await runIpxe(bootScript(body('unregistered.ipxe'), asked), host)
    expect(diary).toContain('> rollcall machine add NAME --mac 52:54:00:00:00:01')
    expect(diary.at(-1)).toBe(`GET ${own}`)
  })

  test('autoexec.ipxe leads to the script', async () => {
    const { host, diary } = machine(files)
    await runIpxe(autoexecScript(body('autoexec.ipxe'), { url }), host)
    expect(diary.filter((line) => !line.startsWith('>'))).toEqual([...everyNic, `GET ${own}`])
  })
})
