import { Hono } from 'hono'
import { imageParts, type ImagePart } from '../core/image.ts'
import type { Store } from '../store/store.ts'
import { parseImageName } from '../values/ids.ts'
import type { EpochMs } from '../values/time.ts'
import { brokenOff, byteResponse } from './byte-response.ts'
import type { ConnectionOf } from './connection.ts'
import type { ImageCache } from './image-cache.ts'
import type { Recorder } from './recorder.ts'

export interface ImageDeps {
  readonly store: Pick<Store, 'facts'>
  readonly clock: () => EpochMs
  readonly images: Pick<ImageCache, 'load'>
  readonly connectionOf: ConnectionOf
  readonly recorder: Pick<Recorder, 'speaker' | 'note'>
}

/** `GET /images/<name>/kernel|initrd`: nothing secret, so for anybody who asks. */
export function imageRoutes({ store, clock, images, connectionOf, recorder }: ImageDeps): Hono {
  const app = new Hono()

  app.get('/:name/:part', async (c) => {
    const started = clock()
    const name = parseImageName(c.req.param('name'))
    const part = c.req.param('part')
    const image = name.ok ? store.facts.image(name.value) : undefined
    if (image === undefined || !isPart(part)) return c.text('no such image\n', 404)
    // No Retry-After here and below: iPXE would wait in silence, while its script says why it waits.
    if (!image.ready) return c.text('the image has not arrived whole\n', 503)

    const loaded = await images.load(image.files[part])
    const speaker = recorder.speaker(connectionOf(c).peer)
    if (loaded.kind === 'damaged') {
      const reason = 'the file is damaged on the server; its log says how'
      const event = { kind: 'image.failed', part, bytes: 0, reason } as const
      if (speaker) recorder.note({ ...speaker, event })
      return c.text(`${reason}\n`, 503)
    }
    const { sha256 } = image.files[part]
    return byteResponse(c, { bytes: loaded.bytes, sha256 }, ({ outcome, bytes }) => {
      if (speaker === undefined || outcome === 'part') return
      recorder.note({
        ...speaker,
        event:
          outcome === 'sent'
            ? { kind: 'image.sent', part, bytes, ms: clock() - started }
            : { kind: 'image.failed', part, bytes, reason: brokenOff },
      })
    })
  })

  return app
}

const isPart = (text: string): text is ImagePart => imageParts.some((part) => part === text)
