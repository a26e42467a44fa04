/**
 * The TFTP server alone, for a namespace: `node tftp-server.ts ADDRESS PORT DIRECTORY`. It serves the
 * directory's files from memory and prints `ready`, then each event and at the end its drops as JSON.
 */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startTftpServer } from '../../src/serve/tftp.ts'
import { epochMs } from '../../src/values/time.ts'

const [address = '', port = '', directory = ''] = process.argv.slice(2)
const files = new Map(
  readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]),
)
const server = await startTftpServer({
  address,
  port: Number(port),
  files: (name) => files.get(name),
  clock: () => epochMs(Date.now()),
  onEvent: (event) => console.log(JSON.stringify(event)),
})
console.log('ready')
await once(process, 'SIGTERM')
await server.stop({ drainMs: 1000 })
console.log(JSON.stringify(server.drops))
