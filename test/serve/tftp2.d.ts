/**
 * The npm package tftp2, which shares no code with ours. Its client reads in octet mode, block by block
 * (RFC 1350); it has no options and no time-out, and waits for ever on an ERROR.
 */
declare module 'tftp2' {
  interface Client {
    read(file: string, push: (block: Buffer) => void, done: () => void): Promise<void>
    close(): void
  }
  export default function connect(host: string, port: number): Client
}
