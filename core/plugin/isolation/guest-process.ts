/**
 * The other end of `process.ts`: the first thing that runs in a plugin's process.
 *
 * @module
 */
import { readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import { guest } from './guest.ts'
import type { GuestPlugin } from './guest.ts'

const found = JSON.parse(process.argv[2] ?? '') as GuestPlugin

/** A full pipe makes the writer wait, so nothing piles up here or there. */
function put(bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(3, bytes, at)
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== 'EAGAIN') throw thrown
    }
  }
}

const post = (frame: unknown): void => {
  const body = serialize(frame)
  const head = Buffer.alloc(4)
  head.writeUInt32LE(body.length)
  put(Buffer.concat([head, body]))
}

/** Reads exactly so many bytes of an answer. */
function get(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length;) {
    try {
      const count = readSync(5, bytes, at, length - at, null)
      if (count === 0) process.exit(0)
      at += count
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== 'EAGAIN') throw thrown
    }
  }
  return bytes
}

let rest: Buffer = Buffer.alloc(0)

void guest({
  found,
  line: {
    post,
    postNow(frame) {
      post(frame)
      return deserialize(get(get(4).readUInt32LE(0))) as unknown
    },
  },
  listen(take) {
    const pipe = new Socket({ fd: 4, readable: true, writable: false })
    pipe.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= rest.readUInt32LE(0) + 4) {
        const length = rest.readUInt32LE(0)
        const frame: unknown = deserialize(rest.subarray(4, length + 4))
        rest = rest.subarray(length + 4)
        take(frame)
      }
    })
    // Whoever started this process is gone.
    pipe.on('end', () => process.exit(0))
  },
  mark: () => {},
})
