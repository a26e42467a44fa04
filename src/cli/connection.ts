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
  return apiClient(url.replace(/\/+$/, ''), token(tokenFile))
}

/** What is said on the command line comes before what the environment says. */
function token(file: string | undefined): string {
  const { ROLLCALL_TOKEN, ROLLCALL_TOKEN_FILE } = process.env
  if (file !== undefined) return readToken(file)
  if (ROLLCALL_TOKEN) return ROLLCALL_TOKEN
  if (ROLLCALL_TOKEN_FILE) return readToken(ROLLCALL_TOKEN_FILE)
  const tried = [
    join(loadConfig(undefined).stateDir, 'admin.token'),
    '/var/lib/rollcall/admin.token',
  ]
  for (const path of tried) {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      // Not this one: it is only a guess, for people who sit at the server itself.
    }
  }
  throw new CliError(
    `no API token: give --token-file, ROLLCALL_TOKEN_FILE or ROLLCALL_TOKEN (the server writes its first one to <stateDir>/admin.token)`,
  )
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new CliError(`the token file cannot be read: ${(error as Error).message}`)
  }
}
