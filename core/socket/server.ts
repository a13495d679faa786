/**
 * The holder's end of the socket. Whoever connects is this user (the folder says so) and may still be
 * broken or hostile:
 *
 * L1  A request is one line of bounded length that must have come within some seconds.
 * L2  Connections are bounded. One that has asked nothing yet gives way to a newer one.
 * L3  An answer that nobody reads is cut off; it never piles up here.
 * L4  Nothing that comes in can throw out of here.
 *
 * @module
 */
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Log } from '../log.ts'
import type { Bytes, Count, Millis } from '../units.ts'
import { socketErrors } from './errors.ts'
import { announce, boundAt, clearPlace, makePlace } from './place.ts'
import { isObject, onLines, parsedLine, requestLimitBytes, wireVersion } from './wire.ts'
import type { Answer, Hello } from './wire.ts'

/** How an answer goes out while it is worked on. */
export interface Wire {
  readonly say: (value: JsonValue) => void
  /** Aborts when the client left or the holder closes. */
  readonly signal: AbortSignal
}

/** What may be asked, by name. Its throw is the answer, its result the last line. */
export type Answering = Readonly<
  Record<string, (given: JsonObject, wire: Wire) => Promise<JsonValue | void>>
>

export interface ServeOptions {
  readonly stateDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly hello: Omit<Hello, 'prov' | 'version'>
  readonly answers: Answering
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<ServeLimits> | undefined
}

export interface ServeLimits {
  readonly connections: Count
  /** From connecting to the end of the request. */
  readonly requestMs: Millis
  /** Of an answer that was not read yet. */
  readonly unreadBytes: Bytes
  /** How long a close waits for what is being handed in. */
  readonly closeMs: Millis
}

const usual: ServeLimits = {
  connections: 256,
  requestMs: 10_000,
  unreadBytes: 32 * 1_024 * 1_024,
  closeMs: 5_000,
}

interface Guest {
  readonly socket: Socket
  readonly abort: AbortController
  asked: boolean
}

/** Listens, under the writer lock. Throws PROV_SOCKET_UNUSABLE. */
export async function serveSocket(options: ServeOptions): Promise<{ close(): Promise<void> }> {
  const { stateDir, env, hello, answers, clock, log } = options
  const limits = { ...usual, ...options.limits }
  const guests = new Set<Guest>()
  const working = new Set<Promise<void>>()
  const first = line({ prov: 'socket', version: wireVersion, ...hello })

  const turnAway = (guest: Guest): void => {
    guests.delete(guest)
    // What it was about to ask must not be taken after it was told that it was not.
    guest.asked = true
    finish(guest.socket, { error: socketErrors.PROV_SOCKET_BUSY({ pid: hello.pid }).toJSON() })
  }
  const admit = (socket: Socket): void => {
    const guest: Guest = { socket, abort: new AbortController(), asked: false }
    const late = clock.after(limits.requestMs, () => socket.destroy(), { background: true })
    // A reset is an end like any other.
    socket.on('error', () => {})
    socket.on('close', () => {
      late.cancel()
      guests.delete(guest)
      guest.abort.abort()
    })
    if (guests.size >= limits.connections) {
      const idle = [...guests].find(({ asked }) => !asked)
      turnAway(idle ?? guest)
      if (!idle) return
    }
    guests.add(guest)
    onLines(socket, requestLimitBytes, {
      line(text) {
        if (guest.asked) return void socket.destroy()
        guest.asked = true
        late.cancel()
        const work = answer(guest, text).finally(() => working.delete(work))
        working.add(work)
      },
      over() {
        const what = `a line of more than ${requestLimitBytes} bytes`
        finish(socket, { error: socketErrors.PROV_SOCKET_REQUEST({ what }).toJSON() })
      },
    })
    socket.write(first)
  }

  async function answer({ socket, abort }: Guest, text: string): Promise<void> {
    const wire: Wire = {
      signal: abort.signal,
      say(value) {
        if (socket.destroyed || socket.writableEnded) return
        socket.write(line({ say: value }))
        if (socket.writableLength > limits.unreadBytes) socket.destroy()
      },
    }
    try {
      const end = await answeringTo(answers, text)(wire)
      finish(socket, { end: end ?? null })
    } catch (thrown) {
      const error = asProvError(thrown)
      if (error.disposition === 'crash') log.error(error.message, { code: error.code })
      finish(socket, { error: error.toJSON() })
    }
  }

  const path = makePlace(stateDir, env)
  const server = createServer(admit)
  let isOurs: () => boolean
  try {
    await listening(server, boundAt(path))
    isOurs = announce(stateDir, path)
  } catch (thrown) {
    server.close()
    const reason = (thrown as Error).message
    throw socketErrors.PROV_SOCKET_UNUSABLE({ path, reason }, { cause: thrown })
  }
  server.on('error', (error) =>
    log.error('the socket of the workspace failed', { reason: error.message }),
  )

  return {
    async close() {
      if (isOurs()) clearPlace(stateDir)
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const { socket, asked } of guests) if (!asked) socket.destroy()
      // Whoever follows something hears that it ends; what is being handed in is finished first.
      for (const { abort } of guests) abort.abort()
      const late = new Promise<void>((resolve) => {
        clock.after(limits.closeMs, resolve, { background: true })
      })
      await Promise.race([Promise.allSettled(working), late])
      for (const { socket } of guests) socket.destroySoon()
      const cut = clock.after(1_000, () => {
        for (const { socket } of guests) socket.destroy()
      })
      await closed
      cut.cancel()
    },
  }
}

function answeringTo(answers: Answering, text: string) {
  const request = parsedLine(text)
  const { do: name, with: given } = request ?? {}
  if (typeof name !== 'string' || !isObject(given)) {
    throw socketErrors.PROV_SOCKET_REQUEST({ what: 'a line that is no request' })
  }
  const act = Object.hasOwn(answers, name) ? answers[name] : undefined
  if (!act) {
    const what = /^[a-z.]{1,40}$/.test(name) ? `\`${name}\`` : 'an unknown name'
    throw socketErrors.PROV_SOCKET_REQUEST({ what })
  }
  return (wire: Wire) => act(given, wire)
}

function finish(socket: Socket, answer: Answer): void {
  if (socket.destroyed || socket.writableEnded) return
  socket.end(line(answer), () => socket.destroy())
}

const line = (value: object): string => `${JSON.stringify(value)}\n`

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, backlog: 511 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
