import { describe, expect, test } from 'vitest'
import { answerRequest, type TftpGrant } from '../../src/core/tftp.ts'
import { Transfer, type TransferReport } from '../../src/core/tftp-transfer.ts'
import { TftpReceiver } from '../../src/simulator/tftp.ts'
import { epochMs } from '../../src/values/time.ts'
import { optionValue, type TftpMessage, type TftpOack } from '../../src/wire/tftp.ts'
import { tftpExchanges, type TftpExchange } from '../golden/tftp.ts'

/** As large as the files that the captured servers had. */
const files = new Map([
  ['snponly.efi', Buffer.alloc(173_792, 1)],
  ['snponly-2025.efi', Buffer.alloc(284_672, 2)],
  ['ipxe-arm64.efi', Buffer.alloc(1_011_712, 3)],
  ['undionly.kpxe', Buffer.alloc(74_213, 4)],
])

/** What the captured server answered; most of them knew no windows, so none are granted then. */
const recordedOack = ({ packets }: TftpExchange): TftpOack =>
  packets.map(({ message }) => message).find((message) => message.op === 'oack')!

const said = ({ packets }: TftpExchange): TftpMessage[] =>
  packets.filter(({ by }) => by === 'client').map(({ message }) => message)

function answer(exchange: TftpExchange, windowSize: number): TftpGrant {
  const limits = { blockSize: 1468, windowSize }
  const found = answerRequest(exchange.request, (name) => files.get(name), limits)
  if (found.kind !== 'grant') throw new Error(found.error.message)
  return found
}

/** Gives the transfer what the captured client said, each time that it waits for the client. */
function replay(exchange: TftpExchange, grant: TftpGrant): TransferReport | undefined {
  const now = epochMs(0)
  const transfer = new Transfer(grant, exchange.request, now)
  for (const message of said(exchange).slice(1)) {
    while (transfer.dispatch(now) !== undefined);
    transfer.process(message, now)
  }
  return transfer.report
}

const found = tftpExchanges
  .filter(({ request }) => files.has(request.file))
  .map((exchange) => {
    const { request, capture } = exchange
    const options = request.options.map(({ name, value }) => `${name}=${value}`).join(' ')
    return { exchange, title: `${capture}: ${request.file} ${options}` }
  })

describe.each(found)('$title', ({ exchange }) => {
  const recorded = recordedOack(exchange)
  const windowSize = Number(optionValue(recorded.options, 'windowsize') ?? 1)
  const grant = answer(exchange, windowSize)

  test('is granted all that the captured server granted', () => {
    expect(grant.options).toEqual(expect.arrayContaining([...recorded.options]))
    expect(grant.windowSize).toBe(windowSize)
  })

  test('ends for us as it ended there, without a packet sent twice', () => {
    const sizeOnly = said(exchange).some((message) => message.op === 'error')
    expect(replay(exchange, grant)).toMatchObject({
      end: { kind: sizeOnly ? 'declined' : 'completed' },
      bytes: sizeOnly ? 0 : files.get(exchange.request.file)!.length,
      retransmits: 0,
    })
  })

  test('is answered by the simulated client like by the real one', () => {
    const receiver = new TftpReceiver()
    const transfer = new Transfer(grant, exchange.request, epochMs(0))
    const acks: TftpMessage[] = []
    for (let out = transfer.dispatch(epochMs(0)); out; out = transfer.dispatch(epochMs(0))) {
      const ack = receiver.process(out)
      if (ack === undefined) continue
      acks.push(ack)
      transfer.process(ack, epochMs(0))
    }
    const real = said(exchange).filter((message) => message.op === 'ack')
    expect(real.length === 0 ? [] : acks).toEqual(real)
  })
})

test('the windowed capture has our OACK to the letter', () => {
  const windowed = tftpExchanges.filter(({ capture }) => capture === 'uefi-pxe-tftp-windowsize4')
  expect(windowed.map((exchange) => answer(exchange, 64).options)).toEqual(
    windowed.map((exchange) => recordedOack(exchange).options),
  )
})

test('the script that newer iPXE asks for is not found', () => {
  const asked = tftpExchanges.filter(({ request }) => !files.has(request.file))
  expect(asked.map(({ request }) => request.file)).toEqual(['autoexec.ipxe', 'autoexec.ipxe'])
  for (const { request, packets } of asked) {
    const ours = answerRequest(request, (name) => files.get(name))
    expect(ours).toMatchObject({ error: { op: 'error', code: 1 } })
    expect(packets[1]?.message).toMatchObject({ op: 'error', code: 1 })
  }
})
