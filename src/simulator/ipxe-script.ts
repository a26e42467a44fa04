import {
  type Effect,
  type IpxeHost,
  type IpxeImage,
  runCommand,
  type Shell,
} from './ipxe-commands.ts'

/** How iPXE ends: with a kernel, or back in the firmware. */
export type IpxeEnd =
  | {
      readonly kind: 'boots'
      readonly kernel: IpxeImage
      readonly initrds: readonly IpxeImage[]
    }
  | { readonly kind: 'gives-up'; readonly reason: string }

/** No script of ours comes near it; a script in a loop without a sleep is stopped. */
const mostCommands = 10_000

/** Runs a script as iPXE does (image/script.c, core/exec.c), and those that it chains to. */
export async function runIpxe(text: string, host: IpxeHost): Promise<IpxeEnd> {
  const shell: Shell = { host, images: new Map() }
  let left = mostCommands

  async function runImage(script: string): Promise<Effect> {
    let effect = await runScript(script)
    while (effect.kind === 'replace') effect = await runScript(effect.script)
    return effect
  }

  /** @returns the effect that ended it; `done` when it ran to its last line */
  async function runScript(script: string): Promise<Effect> {
    if (!/^#!ipxe\s/.test(script)) return { kind: 'failed', reason: 'Exec format error' }
    const lines = linesOf(script)
    for (let at = 0; at < lines.length; at += 1) {
      const effect = await runLine(lines[at]?.words ?? [])
      if (effect.kind === 'goto') {
        const target = lines.findIndex(({ label }) => label === effect.label)
        if (target === -1) return { kind: 'failed', reason: `no such label :${effect.label}` }
        at = target - 1
      } else if (effect.kind !== 'done') return effect
    }
    return { kind: 'done' }
  }

  async function runLine(words: readonly string[]): Promise<Effect> {
    let effect: Effect = { kind: 'done' }
    for (const { after, argv } of commandsOf(words)) {
      if (after === '&&' && effect.kind === 'failed') continue
      if (after === '||' && effect.kind === 'done') continue
      left -= 1
      if (left < 0) return { kind: 'exit' }
      effect = await runCommand(
        argv.map((word) => host.settings.expand(word)),
        shell,
      )
      if (effect.kind === 'call') effect = await runImage(effect.script)
      if (effect.kind === 'failed') host.print(effect.reason)
      if (effect.kind !== 'failed' && effect.kind !== 'done') return effect
    }
    return effect
  }

  const effect = await runImage(text)
  if (effect.kind === 'boot') {
    const { kernel, initrds } = effect
    return { kind: 'boots', kernel, initrds }
  }
  if (left < 0) return { kind: 'gives-up', reason: `the script ran ${mostCommands} commands` }
  const reason = effect.kind === 'failed' ? effect.reason : 'the script came to its end'
  return { kind: 'gives-up', reason }
}

interface Line {
  readonly label?: string
  readonly words: readonly string[]
}

/** A backslash continues a line; a label may have a command behind it. */
function linesOf(script: string): readonly Line[] {
  const joined = script.replaceAll(/\\\r?\n/g, '')
  return joined.split(/\r?\n/).map((line) => {
    const [first, ...rest] = line.split(/\s+/).filter((word) => word !== '')
    if (first === undefined) return { words: [] }
    return first.startsWith(':')
      ? { label: first.slice(1), words: rest }
      : { words: [first, ...rest] }
  })
}

type Joint = '' | '&&' | '||' | ';'

/** Split before anything is expanded, so no setting's value can end a command. */
function commandsOf(words: readonly string[]) {
  const found: { readonly after: Joint; readonly argv: string[] }[] = []
  let argv: string[] = []
  found.push({ after: '', argv })
  for (const word of words) {
    if (word.startsWith('#')) break
    if (word === '&&' || word === '||' || word === ';') {
      argv = []
      found.push({ after: word, argv })
    } else argv.push(word)
  }
  return found
}
