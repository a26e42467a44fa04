import type { BootView } from '../serve/api/schema-boot.ts'
import type { Fetched, Progress } from '../simulator/progress.ts'
import type { Mac } from '../values/mac.ts'

/** What one machine says of itself, beside what the inventory says of it. */
export interface Result {
  readonly mac: Mac
  /** undefined: it is not in the inventory. */
  readonly hostname: string | undefined
  readonly progress: Progress
}

/** What the machines ought to have been sent. */
export interface Sent {
  /** Name of a boot file → SHA-256. */
  readonly bootFileSha256: ReadonlyMap<string, string>
  readonly kernelSha256: string
  readonly initrdSha256: string
}

/** What unregistered.ipxe tells the people in front of the machine. */
export const isToldUnregistered = ({ console }: Progress): boolean =>
  console.some((line) => line.includes('is not in the inventory'))

/**
 * The machine's own word, the bytes that it got, and the server's timeline must agree.
 * @param boots each machine's latest boot, as the API tells it
 * @returns a sentence for everything that is wrong
 */
export const problemsOf = (
  results: readonly Result[],
  boots: readonly BootView[],
  sent: Sent,
): readonly string[] =>
  results.flatMap((result) => {
    const { hostname, progress } = result
    if (hostname === undefined) return strangersProblems(result, boots)
    const bytes = progress.stage === 'up' ? byteProblems(progress, sent) : []
    return [
      ...nameProblems(result, hostname, boots),
      ...bytes.map((problem) => `${hostname}: ${problem}`),
    ]
  })

/** The name alone: for machines that do not tell which bytes they got. */
export const nameProblems = (
  { mac, progress }: Result,
  hostname: string,
  boots: readonly BootView[],
): readonly string[] => {
  const boot = boots.find((each) => each.machine === hostname)
  return [...ownProblems(mac, progress, hostname), ...timelineProblems(boot, hostname, mac)].map(
    (problem) => `${hostname}: ${problem}`,
  )
}

function ownProblems(mac: Mac, progress: Progress, hostname: string): readonly string[] {
  const { stage, problem, phonedHome } = progress
  if (isToldUnregistered(progress)) return [`was told that ${mac} is not in the inventory`]
  if (stage !== 'up') return [`came as far as ${stage}: ${problem ?? 'and no further'}`]
  const found: string[] = []
  if (progress.hostname !== hostname) found.push(`calls itself '${progress.hostname}'`)
  if (phonedHome !== true) found.push('its phone home was refused')
  return found
}

function byteProblems({ bootFile, kernel, initrd }: Progress, sent: Sent): readonly string[] {
  const found: string[] = []
  if (bootFile && bootFile.sha256 !== sent.bootFileSha256.get(bootFile.name)) {
    found.push(`got another ${bootFile.name} than there is`)
  }
  const whole = (file: Fetched | undefined, sha256: string): boolean => file?.sha256 === sha256
  if (!whole(kernel, sent.kernelSha256)) found.push('got another kernel than was imported')
  if (!whole(initrd, sent.initrdSha256)) found.push('got another initrd than was imported')
  return found
}

function timelineProblems(boot: BootView | undefined, hostname: string, mac: Mac) {
  if (boot === undefined) return ['has no boot on the timeline']
  const found: string[] = []
  if (boot.outcome !== 'up') found.push(`is '${boot.outcome}' on the timeline, not 'up'`)
  if (boot.issued?.hostname !== hostname) {
    found.push(`was issued the name '${boot.issued?.hostname}' by the timeline`)
  }
  if (boot.mac !== mac) found.push(`booted from ${mac}, and ${boot.mac} is on the timeline`)
  return found
}

function strangersProblems({ mac, progress }: Result, boots: readonly BootView[]) {
  const found: string[] = []
  if (progress.hostname !== undefined) {
    found.push(`${mac} is not in the inventory and got the name '${progress.hostname}'`)
  }
  if (!isToldUnregistered(progress)) {
    found.push(`${mac} is not in the inventory and was not told so: ${progress.problem ?? ''}`)
  }
  if (boots.some((boot) => boot.mac === mac)) {
    found.push(`${mac} is not in the inventory and has a timeline`)
  }
  return found
}
