import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { InvalidArgumentError } from 'commander'
import { CliError } from './error.ts'

/** For an option that may come several times; `false` is its `--no-…` before it. */
export const collect = (
  value: string,
  before: readonly string[] | false = [],
): readonly string[] => [...(before || []), value]

/** `--label rack=r12`; as in kubectl, `rack-` takes the label away. */
export function collectLabel(
  text: string,
  before: Readonly<Record<string, string | undefined>> = {},
): Readonly<Record<string, string | undefined>> {
  const at = text.indexOf('=')
  if (at > 0) return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
  if (at < 0 && text.endsWith('-')) return { ...before, [text.slice(0, -1)]: undefined }
  throw new InvalidArgumentError('write a label as key=value')
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('this must be a whole number')
  return Number(text)
}

export function readText(path: string): string {
  try {
    return utf8(readFileSync(path))
  } catch (error) {
    throw new CliError(`${path} cannot be read: ${(error as Error).message}`)
  }
}

export async function readStandardInput(): Promise<string> {
  try {
    return utf8(await buffer(process.stdin))
  } catch (error) {
    throw new CliError(`standard input cannot be read: ${(error as Error).message}`)
  }
}

const utf8 = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes)
