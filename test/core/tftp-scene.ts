import { answerRequest, type TftpGrant } from '../../src/core/tftp.ts'
import { defaultPatience, Transfer, type TransferReport } from '../../src/core/tftp-transfer.ts'
import { epochMs, type EpochMs } from '../../src/values/time.ts'
import type { TftpMessage, TftpRequest } from '../../src/wire/tftp.ts'

/** No two blocks of it are alike, as long as blocks have 8 octets at least. */
export function fileOf(size: number): Buffer {
  const content = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) content.writeUInt32BE(at, at)
  return content
}

export const readRequest = (
  options: Record<string, number | string> = {},
  file = 'file',
): TftpRequest => ({
  op: 'rrq',
  file,
  mode: 'octet',
  options: Object.entries(options).map(([name, value]) => ({ name, value: String(value) })),
})

/** The grant of a request for a file with this content; a refusal fails the test. */
export function granted(request: TftpRequest, content: Uint8Array): TftpGrant {
  const answer = answerRequest(request, () => content, { blockSize: 65464, windowSize: 65535 })
  if (answer.kind !== 'grant') throw new Error(`refused: ${answer.error.message}`)
  return answer
}

/** A transfer on a stage: a script says what comes and at what time, and reads what went out. */
export class Scene {
  readonly transfer: Transfer
  #now = epochMs(1_700_000_000_000)
  readonly #start = this.#now

  constructor(size: number, options: Record<string, number> = {}, patience = defaultPatience) {
    const request = readRequest(options)
    this.transfer = new Transfer(granted(request, fileOf(size)), request, this.#now, patience)
  }

  /** What goes out now: `DATA 1 2 3`, `OACK blksize=8`, `ERROR 0: text`; '' is nothing. */
  get sends(): string {
    const out: TftpMessage[] = []
    for (let next = this.dispatch(); next !== undefined; next = this.dispatch()) out.push(next)
    return out
      .map(spelled)
      .join(' ')
      .replaceAll(/(?<=\d) DATA/g, '')
  }

  dispatch(): TftpMessage | undefined {
    return this.transfer.dispatch(this.#now)
  }

  receives(...messages: readonly TftpMessage[]): string {
    for (const message of messages) this.transfer.process(message, this.#now)
    return this.sends
  }

  /** Lets time pass until the transfer wants to be asked; that time, in ms since the request. */
  sleeps(): number {
    this.#now = this.transfer.pollAt
    return this.#now - this.#start
  }

  /** Sets the time, in ms since the request. */
  at(ms: number): this {
    this.#now = (this.#start + ms) as EpochMs
    return this
  }

  get report(): TransferReport | undefined {
    return this.transfer.report
  }
}

export const ack = (block: number): TftpMessage => ({ op: 'ack', block })

export const error = (code: number, message = 'no'): TftpMessage => ({ op: 'error', code, message })

function spelled(message: TftpMessage): string {
  switch (message.op) {
    case 'data':
      return `DATA ${message.block}`
    case 'oack':
      return `OACK ${message.options.map(({ name, value }) => `${name}=${value}`).join(' ')}`
    case 'error':
      return `ERROR ${message.code}: ${message.message}`
    case 'ack':
    case 'rrq':
    case 'wrq':
      throw new Error(`a server never sends ${message.op}`)
  }
}
