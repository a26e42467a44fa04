import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatIpv4 } from '../../src/values/ipv4.ts'
import { encodeTftp, type TftpMessage } from '../../src/wire/tftp.ts'
import { tftpExchanges, type TftpExchange } from '../golden/tftp.ts'

const golden = join(import.meta.dirname, '../golden/tftp')
const update = process.env['UPDATE_GOLDENS'] === '1'
const names = [...new Set(tftpExchanges.map(({ capture }) => capture))]

/** A line for each packet, but one for a run of ACKs. */
function readable({ packets }: TftpExchange): string {
  const lines: string[] = []
  let run = false
  for (const { by, datagram, message } of packets) {
    if (message.op === 'ack' && run) {
      lines.push(`${lines.pop()} ${message.block}`)
      continue
    }
    const { time, from, fromPort, to, toPort } = datagram
    lines.push(
      `${time.toFixed(3)} s  ${by}  ${formatIpv4(from)}:${fromPort} to ${formatIpv4(to)}:${toPort}  ${spelled(message)}`,
    )
    run = message.op === 'ack'
  }
  return `${lines.join('\n')}\n`
}

function spelled(message: TftpMessage): string {
  switch (message.op) {
    case 'rrq':
    case 'wrq':
      return [message.op, message.file, message.mode, ...optionList(message)].join(' ')
    case 'oack':
      return [message.op, ...optionList(message)].join(' ')
    case 'data':
      return `data ${message.block}, ${message.data.length} octets`
    case 'ack':
      return `ack ${message.block}`
    case 'error':
      return `error ${message.code} '${message.message}'`
  }
}

const optionList = ({ options }: Extract<TftpMessage, { options: unknown }>): string[] =>
  options.map(({ name, value }) => `${name}=${value}`)

describe('every capture', () => {
  test.each(names)('%s reads as its text in golden/tftp says', (name) => {
    const path = join(golden, `${name}.txt`)
    const text = tftpExchanges
      .filter(({ capture }) => capture === name)
      .map(readable)
      .join('\n')
    if (update) writeFileSync(path, text)
    expect(existsSync(path), `${path} is missing: run with UPDATE_GOLDENS=1`).toBe(true)
    expect(text, 'if the change is wanted, run with UPDATE_GOLDENS=1').toBe(
      readFileSync(path, 'utf8'),
    )
  })

  test('with TFTP has a golden, and every golden a capture', () => {
    expect(new Set(readdirSync(golden))).toEqual(new Set(names.map((name) => `${name}.txt`)))
    expect(tftpExchanges).toHaveLength(20)
  })
})

test('every packet is the same octets after decoding and encoding', () => {
  for (const { datagram, message } of tftpExchanges.flatMap(({ packets }) => packets)) {
    expect(Buffer.from(encodeTftp(message))).toEqual(Buffer.from(datagram.payload))
  }
})
