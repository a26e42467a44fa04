import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sealingKey, type SealingKey } from './seal.ts'
import { closedVault, openVault, type Vault } from './vault.ts'

export interface KeyFiles {
  /** Seals and opens. */
  readonly keyFile?: string | undefined
  /** Open only. */
  readonly previousKeyFiles: readonly string[]
}

/** systemd's LoadCredential= and SetCredential= put it under $CREDENTIALS_DIRECTORY by this name. */
const credential = 'rollcall-key'

/**
 * The vault under the keys of these files. Whatever is wrong with the first one is the vault's
 * problem and not the server's: names and boots need no secret.
 * @param credentials systemd's $CREDENTIALS_DIRECTORY
 */
export function vaultFromFiles(
  { keyFile, previousKeyFiles }: KeyFiles,
  credentials: string | undefined,
  random: (octets: number) => Uint8Array,
): Vault {
  const fallback = credentials === undefined ? undefined : join(credentials, credential)
  const path = keyFile ?? (fallback !== undefined && existsSync(fallback) ? fallback : undefined)
  if (path === undefined) {
    return closedVault('there is no key: secrets.keyFile is not set, nor a systemd credential')
  }
  const first = readKey(path)
  if ('problem' in first) return closedVault(first.problem)
  // A previous key that is gone has done its work, or what it sealed will say that it does not open.
  const others = previousKeyFiles.flatMap((each) => {
    const read = readKey(each)
    return 'problem' in read ? [] : [read]
  })
  return openVault([first, ...others], random)
}

function readKey(path: string): SealingKey | { readonly problem: string } {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    return { problem: `the key ${path} cannot be read: ${(error as Error).message}` }
  }
  const key = sealingKey(bytes)
  return key.ok ? key.value : { problem: `${path} ${key.problem}` }
}
