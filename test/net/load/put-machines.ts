import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Somebody fills the inventory. A program of its own: puts machine after machine, each of them twice,
 * until the server is gone. Says `worker-1-7 2` when the second revision of the seventh
 * machine was answered with 200 or 201. Arguments: the API's URL, its token, a number for the names.
 */
const [, , api = '', token = '', round = ''] = process.argv
/** Requests at once, so that several fall into one commit. */
const abreast = 4
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

let latest = 0

async function fill(): Promise<void> {
  for (;;) {
    latest += 1
    const number = latest
    for (const revision of ['1', '2']) {
      if (!(await put(number, revision))) return
      await sleep(5) // leaves the processor to the storm beside it
    }
  }
}

/** @returns false when the server is gone */
async function put(number: number, revision: string): Promise<boolean> {
  const hostname = `worker-${round}-${number}`
  const octets = [Number(round), number >> 8, number & 255]
  const mac = `52:55:00:${octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':')}`
  const body = JSON.stringify({ macs: [mac], labels: { revision } })
  let response: Response
  try {
    response = await fetch(`${api}/api/v1/machines/${hostname}`, { method: 'PUT', headers, body })
  } catch {
    return false
  }
  if (!response.ok) throw new Error(`${hostname}: ${response.status} ${await response.text()}`)
  await response.arrayBuffer()
  process.stdout.write(`${hostname} ${revision}\n`)
  return true
}

await Promise.all(Array.from({ length: abreast }, fill))
