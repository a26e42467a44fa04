import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seedDocuments } from '../../src/core/boot-event.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

/**
 * All machines ask for all four documents at the same moment, each from its own loopback address, as
 * cloud-init does: a connection a document, a second's pause after one that failed. Run it with
 *   npx node test/bench/seeds.ts [machines]
 */
const machines = Number(process.argv[2] ?? 5000)
const program = new URL('seeds-server.ts', import.meta.url).pathname
const patienceMs = 120_000

interface Round {
  readonly perSecond: number
  readonly longest: number
  readonly tokens: number
  readonly again: number
}

const get = (port: number, n: number, document: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const localAddress = `127.1.${n >> 8}.${n & 255}`
    const path = `/seed/seed${n}/${document}`
    const asked = request(
      { host: '127.0.0.1', port, path, localAddress, agent: false },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (part: string) => (text += part))
        answer.on('error', reject)
        answer.on('end', () =>
          answer.statusCode === 200 ? resolve(text) : reject(new Error(String(answer.statusCode))),
        )
      },
    )
    asked.on('error', reject)
    asked.end()
  })

async function round(tokens: 'with' | 'without'): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-bench-'))
  const database = join(folder, 'rollcall.db')
  const child = spawn(process.execPath, [program, database, String(machines), tokens], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const port = await new Promise<number>((resolve, reject) => {
      child.stdout.once('data', (text: Buffer) => resolve(Number(/\d+/.exec(text.toString())?.[0])))
      child.once('exit', () => reject(new Error('the server did not start')))
    })
    let again = 0
    let received = 0
    const began = performance.now()
    const machine = async (n: number): Promise<number> => {
      for (const document of seedDocuments) {
        for (;;) {
          if (performance.now() - began > patienceMs) throw new Error('it takes too long')
          try {
            const text = await get(port, n, document)
            if (text.includes('bootstrap-kubeconfig')) received += 1
            break
          } catch {
            again += 1
            await new Promise((resolve) => setTimeout(resolve, 1000))
          }
        }
      }
      return performance.now() - began
    }
    const times = await Promise.all(Array.from({ length: machines }, (_, at) => machine(at + 1)))
    const longest = Math.max(...times)
    return {
      perSecond: Math.round((machines * seedDocuments.length) / (longest / 1000)),
      longest: longest / 1000,
      tokens: received,
      again,
    }
  } finally {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await gone
    if (tokens === 'with') await checkRecords(database)
    rmSync(folder, { recursive: true })
  }
}

/** What the records say must be what was received. */
async function checkRecords(database: string): Promise<void> {
  const store = openSqliteStore({ path: database })
  const states = [...store.facts.bootTokens()].map(({ state }) => state)
  await store.close()
  const open = states.filter((state) => state === 'ready').length
  if (open > 0) throw new Error(`${open} tokens were never asked for`)
}

const report = (name: string, { perSecond, longest, tokens, again }: Round): void =>
  console.log(
    `${name}: ${perSecond} requests/s, longest wait ${longest.toFixed(1)} s, ${tokens} tokens, ${again} tries again`,
  )

const without = await round('without')
report('without tokens', without)
const given = await round('with')
report('with a token each', given)
const ratio = given.perSecond / without.perSecond
console.log(`${machines} machines: ${ratio.toFixed(2)} of the rate without tokens`)
if (given.tokens > machines || given.longest > 30 || ratio < 0.5) {
  throw new Error('too slow, or not one token each')
}
