import { createServer, type Server } from 'node:net'

export interface Ports {
  readonly etcdClients: number
  readonly etcdPeers: number
  readonly controllers: number
  /** For two API servers. */
  readonly api: readonly [number, number]
}

/** A namespace has them all to itself. */
export const usualPorts: Ports = {
  etcdClients: 2379,
  etcdPeers: 2380,
  controllers: 10_257,
  api: [6443, 6444],
}

/** Ports of 127.0.0.1 that nobody holds at this moment. */
export async function freePorts(): Promise<Ports> {
  // All are held until the last is known, so that they differ.
  const held: Server[] = []
  const take = async (): Promise<number> => {
    const server = createServer()
    held.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('no port of TCP')
    return bound.port
  }
  const ports: Ports = {
    etcdClients: await take(),
    etcdPeers: await take(),
    controllers: await take(),
    api: [await take(), await take()],
  }
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
