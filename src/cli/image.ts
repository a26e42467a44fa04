import { openAsBlob } from 'node:fs'
import type { Command } from 'commander'
import { imageParts } from '../core/image.ts'
import type { ImageView } from '../serve/api/schema-image.ts'
import type { ApiClient } from './client.ts'
import { connect } from './connection.ts'
import { readImageDirectory } from './image-directory.ts'
import { localTime, print, printList } from './table.ts'

export function imageCommands(program: Command): void {
  const image = program.command('image').description('the images that machines boot')

  image
    .command('import <directory>')
    .description('send an image: a directory with image.json and the two files that it names')
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

/** Looks at both files first: an image that is only half there helps nobody. */
async function importImage(client: ApiClient, directory: string): Promise<ImageView> {
  const { manifest, paths } = await readImageDirectory(directory)
  const path = `/images/${encodeURIComponent(manifest.name)}`
  let { body: image } = await client.send<ImageView>('PUT', path, { json: manifest })
  for (const part of imageParts) {
    if (image[part].present) {
      print(`${part}: already there\n`)
      continue
    }
    const bytes = await openAsBlob(paths[part])
    image = (await client.send<ImageView>('PUT', `${path}/files/${part}`, { bytes })).body
    print(`${part}: ${megabytes(bytes.size)} sent\n`)
  }
  return image
}

const megabytes = (octets: number): string => `${(octets / 1_000_000).toFixed(1)} MB`
