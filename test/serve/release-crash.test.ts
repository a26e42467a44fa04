import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { faultPoints } from './release-crash.ts'
import { secret } from './token-scene.ts'

const program = new URL('release-crash-server.ts', import.meta.url).pathname

async function server(database: string, point: string) {
  const child = spawn(process.execPath, [program, database, point], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => resolve(Number(/\d+/.exec(text.toString())?.[0])))
    child.once('exit', () => reject(new Error('the server ended before it listened')))
  })
  return { port, exited, kill: () => child.kill('SIGKILL') }
}

/** All octets that came before the connection ended, however it ended. */
function read(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    )
    socket.setTimeout(10_000, () => socket.destroy())
    socket.on('data', (part) => (text += part.toString()))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

async function seedOf(port: number): Promise<string> {
  const script = await read(port, '/boot/52-54-00-00-00-01.ipxe')
  const seed = /;s=http:\/\/[^/]*(\/seed\/[^/]*\/)/.exec(script)?.[1]
  if (seed === undefined) throw new Error(`no seed in:\n${script}`)
  return seed
}

const fresh = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-crash-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'rollcall.db')
}

/** What the disk says of the one token, once the server is gone. */
async function record(database: string) {
  const store = openSqliteStore({ path: database })
  const [token] = [...store.facts.bootTokens()]
  const audit = (await store.audit({ limit: 100 })).map(({ kind }) => kind)
  await store.close()
  return { state: token?.state, audit }
}

describe('kill -9', () => {
  test.each(faultPoints)(
    'at "%s": nothing goes out twice, nothing false is recorded',
    async (point) => {
      const database = fresh()
      const first = await server(database, point)
      const seed = await seedOf(first.port)
      const got = [await read(first.port, `${seed}user-data`)]
      await first.exited
      const before = await record(database)

      const second = await server(database, 'none')
      got.push(await read(second.port, `${seed}user-data`))
      got.push(await read(second.port, `${seed}user-data`))
      second.kill()
      await second.exited
      const after = await record(database)

      const received = got.map((text) => text.includes(secret))
      expect(received.filter(Boolean).length).toBeLessThanOrEqual(1)
      // Before the claim is on the disk nothing was spent; after it nothing goes out again.
      const spent = point !== 'asked' && point !== 'claim decided'
      expect(received[1]).toBe(!spent)
      expect(received[2]).toBe(false)
      if (before.state === 'sent') expect(received[0]).toBe(true)
      if (spent && point !== 'sent durable') {
        expect([before.state, after.state]).toEqual(['claimed', 'lost'])
        expect(after.audit).toContain('token.lost')
      }
      expect(after.audit.filter((kind) => kind === 'token.claimed')).toHaveLength(1)
      expect(after.audit).toContain('token.refused')
    },
  )

  test('at any moment', async () => {
    for (let round = 0; round < 12; round += 1) {
      const database = fresh()
      const first = await server(database, 'none')
      const seed = await seedOf(first.port)
      const killing = new Promise((resolve) => setTimeout(resolve, round * 0.7)).then(first.kill)
      const got = [await read(first.port, `${seed}user-data`)]
      await killing
      await first.exited
      const before = await record(database)
      const second = await server(database, 'none')
      got.push(await read(second.port, `${seed}user-data`))
      second.kill()
      await second.exited
      const received = got.filter((text) => text.includes(secret))
      expect(received.length).toBeLessThanOrEqual(1)
      if (before.state === 'sent') expect(got[0]).toContain(secret)
    }
  })
})

test('a machine that is gone before it was answered: lost or untouched, never sent', async () => {
  const database = fresh()
  const { port, kill, exited } = await server(database, 'none')
  const seed = await seedOf(port)
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`GET ${seed}user-data HTTP/1.1\r\nHost: x\r\n\r\n`)
      socket.resetAndDestroy()
      resolve()
    })
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  kill()
  await exited
  const { state } = await record(database)
  expect(['ready', 'claimed', 'lost']).toContain(state)
})
