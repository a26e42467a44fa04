import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab } from './lab.ts'

/** A folder that is gone when the lab is closed. */
export function temporaryFolder(lab: Lab): string {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-net-'))
  lab.onClose(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
