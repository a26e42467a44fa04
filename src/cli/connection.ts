import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { loadConfig } from '../config.ts'
import { apiClient, type ApiClient } from './client.ts'
import { CliError } from './error.ts'

const defaultServer = 'http://127.0.0.1:8470'

interface GlobalOptions {
  readonly server?: string
  readonly tokenFile?: string
}

/** The server that the command line, or else the environment, points at. */
export function connect(command: Command): ApiClient {
  const { server, tokenFile } = command.optsWithGlobals<GlobalOptions>()
  const url = server ?? process.env['ROLLCALL_SERVER'] ?? defaultServer
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new CliError(`'${url}' is no server address: write it like ${defaultServer}`)
  }
  const { text, source } = findToken(tokenFile)
  // A header of anything else is no header: fetch would blame the server.
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new CliError(`${source} holds no API token: that is one word, like rollcall_…`)
  }
  return apiClient(url.replace(/\/+$/, ''), text, source)
}

interface FoundToken {
  readonly text: string
  readonly source: string
}

/** What is said on the command line comes before what the environment says. */
function findToken(file: string | undefined): FoundToken {
  const { ROLLCALL_TOKEN, ROLLCALL_TOKEN_FILE } = process.env
  if (file !== undefined) return readToken(file)
  if (ROLLCALL_TOKEN) return { text: ROLLCALL_TOKEN, source: 'ROLLCALL_TOKEN' }
  if (ROLLCALL_TOKEN_FILE) return readToken(ROLLCALL_TOKEN_FILE)
  const tried = [
    join(loadConfig(undefined).stateDir, 'admin.token'),
    '/var/lib/rollcall/admin.token',
  ]
  for (const path of tried) {
    try {
      return readTokenFile(path)
    } catch {
      // Not this one: it is only a guess, for people who sit at the server itself.
    }
  }
  throw new CliError(
    `no API token: give --token-file, ROLLCALL_TOKEN_FILE or ROLLCALL_TOKEN (the server writes its first one to <stateDir>/admin.token)`,
  )
}

const readTokenFile = (path: string): FoundToken => ({
  text: readFileSync(path, 'utf8').trim(),
  source: path,
})

function readToken(path: string): FoundToken {
  try {
    return readTokenFile(path)
  } catch (error) {
    throw new CliError(`the token file cannot be read: ${(error as Error).message}`)
  }
}
