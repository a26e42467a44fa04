import { openAsBlob } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { imageParts, type ImagePart } from '../core/image.ts'
import type { ImageView } from '../serve/api/schema-image.ts'
import type { ApiClient } from './client.ts'
import { connect } from './connection.ts'
import { CliError } from './error.ts'
import { readText } from './options.ts'
import { localTime, print, printList } from './table.ts'

export function imageCommands(program: Command): void {
  const image = program.command('image').description('the images that machines boot')

  image
    .command('import <directory>')
    .description('send an image: a directory with image.json, kernel and initrd')
    .option('--default', 'make it the default image')
    .action(async (directory: string, options: { default?: true }, command: Command) => {
      const client = connect(command)
      const imported = await importImage(client, directory)
      const chosen = options.default ? await setDefault(client, imported.name) : imported
      print(`image ${chosen.name} is ready${chosen.default ? ' and the default' : ''}\n`)
    })

  image
    .command('list')
    .description('list the images')
    .option('--json', 'as JSON')
    .action(async (options: { json?: true }, command: Command) => {
      const { images } = await connect(command).get<{ images: ImageView[] }>('/images')
      printList(images, options.json, {
        head: ['NAME', 'ARCH', 'SIZE', 'STATE', 'CREATED'],
        row: (each) => [
          each.name,
          each.arch,
          megabytes(each.kernel.size + each.initrd.size),
          each.default ? 'default' : each.ready ? 'ready' : `${each.missing.join(', ')} missing`,
          localTime(each.created),
        ],
        empty: 'no image yet: rollcall image import DIR sends one',
      })
    })

  image
    .command('default <name>')
    .description('choose the image that every machine boots')
    .action(async (name: string, _: unknown, command: Command) => {
      await setDefault(connect(command), name)
      print(`image ${name} is the default\n`)
    })

  image
    .command('remove <name>')
    .description('remove an image')
    .action(async (name: string, _: unknown, command: Command) => {
      await connect(command).send('DELETE', `/images/${encodeURIComponent(name)}`)
      print(`image ${name} removed\n`)
    })
}

const setDefault = async (client: ApiClient, name: string): Promise<ImageView> =>
  (await client.send<ImageView>('PUT', '/default-image', { json: { name } })).body

/** Sends the manifest, then only what the server does not have yet. */
async function importImage(client: ApiClient, directory: string): Promise<ImageView> {
  const manifest = readManifest(join(directory, 'image.json'))
  const path = `/images/${encodeURIComponent(manifest.name)}`
  let { body: image } = await client.send<ImageView>('PUT', path, { json: manifest })
  for (const part of imageParts) {
    if (image[part].present) {
      print(`${part}: already there\n`)
      continue
    }
    const bytes = await openFile(join(directory, manifest[part].file), part, image[part].size)
    image = (await client.send<ImageView>('PUT', `${path}/files/${part}`, { bytes })).body
    print(`${part}: ${megabytes(bytes.size)} sent\n`)
  }
  return image
}

type Manifest = { readonly name: string } & Readonly<Record<ImagePart, { readonly file: string }>>

/** Looks only for what it needs itself: the server checks the rest, and says which field it is. */
function readManifest(path: string): Manifest {
  let manifest: Partial<Manifest> | null
  try {
    manifest = JSON.parse(readText(path)) as Partial<Manifest> | null
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`${path} is not JSON: ${(error as Error).message}`)
  }
  if (typeof manifest?.name !== 'string') throw new CliError(`${path}: name is missing`)
  for (const part of imageParts) {
    if (typeof manifest[part]?.file !== 'string') {
      throw new CliError(`${path}: ${part}.file is missing`)
    }
  }
  return manifest as Manifest
}

async function openFile(path: string, part: ImagePart, promised: number): Promise<Blob> {
  let blob: Blob
  try {
    blob = await openAsBlob(path)
  } catch (error) {
    throw new CliError(`the ${part} cannot be read: ${(error as Error).message}`)
  }
  if (blob.size === promised) return blob
  throw new CliError(`${path} has ${blob.size} octets, and image.json says ${promised}`)
}

const megabytes = (octets: number): string => `${(octets / 1_000_000).toFixed(1)} MB`
