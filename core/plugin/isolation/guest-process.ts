/**
 * The other end of `process.ts`: the first thing that runs in a plugin's process.
 *
 * @module
 */
import { readSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { deserialize, serialize } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { longestFrame, rawFrame } from './cage.ts'
import { guest } from './guest.ts'
import type { Doing } from './cage.ts'
import type { GuestPlugin } from './guest.ts'
import type { Frame } from './wire.ts'

const found = JSON.parse(process.argv[2] ?? '') as GuestPlugin

// It ends this process when the host is gone, also while a loop holds this thread.
const twin = import.meta.url.endsWith('.ts') ? './lifeline.ts' : './lifeline.js'
const lifeline = new Worker(new URL(twin, import.meta.url), {
  resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
})
lifeline.unref()

const nothing = new Int32Array(new SharedArrayBuffer(4))
/** Not now: a full or empty pipe is looked at again in a moment. */
function later(thrown: unknown): void {
  if ((thrown as { code?: string }).code !== 'EAGAIN') throw thrown
  Atomics.wait(nothing, 0, 0, 1)
}

/** A full pipe makes the writer wait, so nothing piles up here or there. */
function put(bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(3, bytes, at)
    } catch (thrown) {
      later(thrown)
    }
  }
}

/** Throws TypeError when it is longer than the host takes. */
const post = (frame: Frame): void => {
  const { t, id, text } = frame
  const raw = t === 'stepped' && typeof text === 'string'
  const head = Buffer.alloc(raw ? 8 : 4)
  if (raw) head.writeUInt32LE(id as number, 4)
  const body = raw ? Buffer.from(text) : serialize(frame)
  if (!raw && body.length > longestFrame) {
    throw new TypeError(`more than ${longestFrame / 1024 / 1024} MB cannot leave at once`)
  }
  head.writeUInt32LE(raw ? rawFrame + 4 + body.length : body.length)
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
      later(thrown)
    }
  }
  return bytes
}

/** As they were before any plugin came. */
const { nextTick } = process
const soon = queueMicrotask
/** Behind all promises that go on now, within this turn of the event loop. */
const behindPromises = (work: () => void): void => soon(() => nextTick(work))

/** What the host was told last that this thread is at. */
let at: Doing['kind'] = 'nothing'
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
    const whole = (): boolean => rest.length >= 4 && rest.length >= rest.readUInt32LE(0) + 4
    let taking = false
    // As from a port: what one leaves to promises is done before the next one comes.
    const next = (): void => {
      const length = rest.readUInt32LE(0)
      const frame: unknown = deserialize(rest.subarray(4, length + 4))
      rest = rest.subarray(length + 4)
      taking = whole()
      if (taking) behindPromises(next)
      take(frame)
    }
    pipe.on('data', (chunk: Buffer) => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (taking || !whole()) return
      taking = true
      next()
    })
    // Whoever started this process is gone.
    pipe.on('end', () => process.exit(0))
  },
  mark(kind, a) {
    // Steps are known by their batch, and there are many of them.
    const told = kind === 'step' ? 'nothing' : kind
    if (told === 'nothing' && at === told) return
    at = told
    post({ t: 'at', kind: told, a })
  },
})
