import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { parseFirmware } from '../../src/core/boot-file.ts'
import type { BootEvent } from '../../src/core/boot-event.ts'
import type { ScriptBodies } from '../../src/core/boot-script.ts'
import type { Change } from '../../src/core/change.ts'
import { defaultSeedArgument, type Image } from '../../src/core/image.ts'
import type { Lease } from '../../src/core/lease.ts'
import type { Machine } from '../../src/core/machine.ts'
import { loadBootFiles } from '../../src/serve/boot-files.ts'
import { startHttpListener } from '../../src/serve/http-listener.ts'
import { createImageCache } from '../../src/serve/image-cache.ts'
import { provisioningApp, type ProvisioningDeps } from '../../src/serve/provisioning.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { StoreError, type Store } from '../../src/store/store.ts'
import { parseImageName, parseSha256, type Sha256 } from '../../src/values/ids.ts'
import { formatIpv4, type Ipv4 } from '../../src/values/ipv4.ts'
import type { Mac } from '../../src/values/mac.ts'
import { must } from '../../src/values/parse.ts'
import { epochMs } from '../../src/values/time.ts'
import { ip, machine, macNumber, subnet } from '../support/inventory.ts'

export const start = epochMs(Date.parse('2026-11-22T12:00:00Z'))
export const base = 'http://192.0.2.1:8080'
export const here = ip('192.0.2.50')

const netboot = new URL('../../netboot/', import.meta.url)
const body = (name: string): string => readFileSync(new URL(`${name}.ipxe`, netboot), 'utf8')
const scripts: ScriptBodies = {
  boot: body('boot'),
  unregistered: body('unregistered'),
  wait: body('wait'),
  autoexec: body('autoexec'),
}
export const firmware = parseFirmware(
  JSON.parse(readFileSync(new URL('firmware.json', netboot), 'utf8')),
)

export const sha256 = (bytes: Uint8Array): Sha256 =>
  must(parseSha256(createHash('sha256').update(bytes).digest('hex')))

/** Octets that differ everywhere, so that a slice from the wrong place shows. */
export const pattern = (size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(at, at)
  return bytes
}

export interface AskOptions {
  readonly from?: Ipv4 | undefined
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * The provisioning listener's app on a real store: one machine with a lease, one image, boot files.
 * The clock moves only when a test moves it.
 */
export async function provisioning(
  given: Partial<ProvisioningDeps> & { machine?: Partial<Machine>; kernel?: Buffer } = {},
) {
  const directory = mkdtempSync(join(tmpdir(), 'rollcall-provisioning-'))
  const store = openSqliteStore({ path: ':memory:' })
  const time = { now: start }
  const clock = () => time.now
  const logged: unknown[][] = []
  const write = (...line: unknown[]): void => void logged.push(line)
  const log = { debug: write, info: write, warn: write, error: write }
  const strangers: string[] = []
  let drawn = 0
  const { machine: fields, kernel = pattern(3_000_000), ...deps } = given

  const worker = machine('worker-1', { macs: [macNumber(1), macNumber(2)], ...fields })
  const initrd = pattern(100_000)
  const image: Image = {
    name: must(parseImageName('worker-7')),
    arch: 'x86_64',
    files: {
      kernel: { sha256: sha256(kernel), size: kernel.length },
      initrd: { sha256: sha256(initrd), size: initrd.length },
    },
    commandLine: 'console=ttyS0',
    seedArgument: defaultSeedArgument,
    created: start,
    ready: true,
  }
  const blobPath = (hash: Sha256): string => join(directory, hash)
  for (const bytes of [kernel, initrd]) writeFileSync(blobPath(sha256(bytes)), bytes)
  writeFileSync(join(directory, 'snponly.efi'), 'snponly')
  writeFileSync(join(directory, 'ipxe.efi'), 'the whole of iPXE')

  const change = (...changes: readonly Change[]): Promise<void> =>
    store.update(() => ({ changes, result: undefined }))
  const leased = (mac: Mac, address: Ipv4, lease: Partial<Lease> = {}): Change => ({
    kind: 'lease.put',
    lease: {
      mac,
      address,
      subnet: subnet().name,
      state: 'bound',
      since: start,
      expires: epochMs(start + 3_600_000),
      ...lease,
    },
  })
  await change(
    { kind: 'subnet.put', subnet: subnet() },
    { kind: 'machine.put', machine: worker },
    { kind: 'image.put', image },
    { kind: 'default-image.set', name: image.name },
    leased(macNumber(1), here),
  )

  const images = createImageCache({ store, blobPath, log })
  await images.ready()
  const bootFiles = await loadBootFiles({
    directories: [directory],
    firmware,
    autoexec: scripts.autoexec,
  })
  const app = provisioningApp({
    store,
    clock,
    random: (octets) => {
      drawn += 1
      return Uint8Array.from({ length: octets }, (_, index) => (drawn * 7 + index * 13) % 256)
    },
    images,
    bootFiles,
    scripts,
    log,
    onStranger: (mac, address) =>
      strangers.push(`${mac} ${address === undefined ? '?' : formatIpv4(address)}`),
    connectionOf: (c) => ({ peer: (c.env as { peer?: Ipv4 }).peer, base }),
    ...deps,
  })
  onTestFinished(async () => {
    images.close()
    await store.close()
    rmSync(directory, { recursive: true })
  })

  /** A request without a socket; from the machine's own address unless told otherwise. */
  const ask = async (
    path: string,
    { method = 'GET', headers = {}, body: sent, ...rest }: AskOptions = {},
  ): Promise<Response> => {
    const peer = 'from' in rest ? rest.from : here
    const init = { method, headers, ...(sent === undefined ? {} : { body: sent }) }
    return app.request(path, init, { peer })
  }
  const events = async (): Promise<readonly BootEvent[]> =>
    (await store.events({ limit: 10_000 })).map(({ event }) => event)

  /** Lets the machine fetch its script. @returns the path of its seed, and the key in it */
  const boot = async (): Promise<{ seed: string; key: string }> => {
    const text = await (await ask('/boot/52-54-00-00-00-01.ipxe')).text()
    const [, seed, key] = /;s=http:\/\/[^/]*(\/seed\/([^/]*)\/)/.exec(text) ?? []
    if (seed === undefined || key === undefined) throw new Error(`no seed in:\n${text}`)
    return { seed, key }
  }
  const latest = () => store.facts.latestBoot(worker.id)

  const listen = async () => {
    const listener = await startHttpListener({ app, address: '127.0.0.1', port: 0 })
    onTestFinished(() => listener.stop({ drainMs: 0 }))
    return listener
  }

  return {
    ...{ app, store, time, logged, strangers, worker, image, kernel, initrd, images, bootFiles },
    ...{ blobPath, directory, change, leased, ask, events, boot, latest, listen },
  }
}

/** A store whose disk is full: facts can be read, nothing can be kept. */
export const fullDisk = (store: Store): Store => ({
  facts: store.facts,
  update: () => Promise.reject(new StoreError('nothing was stored: disk full')),
  boots: (query) => store.boots(query),
  boot: (id) => store.boot(id),
  events: (query) => store.events(query),
  audit: (query) => store.audit(query),
  subscribe: (listener) => store.subscribe(listener),
  prune: (keepBoots) => store.prune(keepBoots),
  close: () => store.close(),
})
