import { createHash } from 'node:crypto'

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')

export const kernel = new Uint8Array(300_000).fill(7)
export const initrd = new Uint8Array(900_000).fill(9)

export const manifestOf = (
  name: string,
  files: { kernel?: Uint8Array; initrd?: Uint8Array } = {},
) => {
  const entry = (file: string, bytes: Uint8Array) => ({
    file,
    sha256: sha256(bytes),
    size: bytes.length,
  })
  return {
    schema: 1,
    name,
    arch: 'x86_64',
    kernel: entry('bzImage', files.kernel ?? kernel),
    initrd: entry('initrd', files.initrd ?? initrd),
    commandLine: 'init=/init console=ttyS0',
  }
}
