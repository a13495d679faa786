/**
 * The other end: a command that found the workspace held, and asks the holder.
 *
 * @module
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { errorFrom, ProvError } from '../errors.ts'
import type { ErrorReport } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import { socketErrors } from './errors.ts'
import { placeOf } from './place.ts'
import { answerLimitBytes, isObject, onLines, parsedLine, wireVersion } from './wire.ts'
import type { Hello } from './wire.ts'

export interface CallOptions {
  /** Hears what comes before the end. */
  readonly hear?: ((value: JsonValue) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Set where the request changes something: what it was, and how to find out whether it was taken.
   * When the holder dies in the middle that is not known (PROV_SOCKET_LOST), else it is only gone.
   */
  readonly handsIn?: { readonly what: string; readonly look: string } | undefined
}

/** Whoever answers for a workspace: the process that holds it, or planes on another machine. */
export interface Answerer {
  readonly hello: Pick<Hello, 'workspace' | 'journal'>
  /** Writer epoch of whoever takes acts: they bear it. */
  epoch(): Promise<Count>
  /** Throws what was thrown there, and what its way there has for an answer that does not come. */
  call(name: string, given: JsonObject, options?: CallOptions): Promise<JsonValue>
}

/** Its calls throw PROV_SOCKET_GONE (nothing was taken), PROV_SOCKET_LOST (not known), too. */
export interface Holder extends Answerer {
  readonly hello: Hello
}

/** Who holds a workspace and listens; undefined when nobody does, or in another language. */
export async function findHolder(options: {
  readonly stateDir: string
  readonly build: string
  readonly clock: Clock
  /** For the first line. */
  readonly patienceMs: Millis
}): Promise<Holder | undefined> {
  const { stateDir, build, clock, patienceMs } = options
  const path = placeOf(stateDir)
  if (path === undefined) return undefined
  const socket = await reach(path, clock)
  if (!socket) return undefined
  const hello = await new Promise<Hello | undefined>((resolve) => {
    const late = clock.after(patienceMs, () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
    onLines(socket, 4_096, {
      line: (text) => resolve(helloIn(text)),
      over: () => resolve(undefined),
    })
    socket.once('close', () => late.cancel())
  })
  socket.destroy()
  if (!hello || hello.build !== build) return undefined
  return {
    hello,
    epoch: async () => hello.epoch,
    call: (name, given, more = {}) => askAgain({ path, hello, name, given, clock, ...more }),
  }
}

/** More may be knocking than the system lets wait. */
const knocks: Count = 40
const betweenMs: Millis = 50

async function reach(path: string, clock: Clock): Promise<Socket | undefined> {
  for (let knock = 1; ; knock++) {
    const socket = connect({ path })
    const failed = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined))
      socket.once('error', resolve)
    })
    socket.on('error', () => {})
    if (!failed) return socket
    if (failed.code !== 'EAGAIN' || knock === knocks) return undefined
    await sleep(clock, betweenMs)
  }
}

interface Asking extends CallOptions {
  readonly path: string
  readonly hello: Hello
  readonly name: string
  readonly given: JsonObject
  readonly clock: Clock
}

/** Who was told that the holder is busy was not listened to: asking again is safe. */
async function askAgain(asking: Asking): Promise<JsonValue> {
  for (let knock = 1; ; knock++) {
    try {
      return await ask(asking)
    } catch (thrown) {
      const busy = ProvError.is(thrown) && thrown.code === 'PROV_SOCKET_BUSY'
      if (!busy || knock === knocks) throw thrown
      await sleep(asking.clock, betweenMs, asking.signal)
    }
  }
}

async function ask(asking: Asking): Promise<JsonValue> {
  const { path, clock, hello, name, given, hear, signal, handsIn } = asking
  signal?.throwIfAborted()
  const gone = () => socketErrors.PROV_SOCKET_GONE({ pid: hello.pid })
  const socket = await reach(path, clock)
  if (!socket) throw gone()
  let asked = false
  try {
    return await new Promise<JsonValue>((resolve, reject) => {
      const abort = () => reject(signal?.reason as Error)
      // It may have aborted while the way was found; a listener would never hear of it.
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      socket.on('close', () => {
        signal?.removeEventListener('abort', abort)
        const { pid } = hello
        reject(asked && handsIn ? socketErrors.PROV_SOCKET_LOST({ pid, ...handsIn }) : gone())
      })
      onLines(socket, answerLimitBytes, {
        over: () => socket.destroy(),
        line(text) {
          if (!asked) {
            const now = helloIn(text)
            if (now?.pid === hello.pid && now.epoch === hello.epoch) {
              asked = true
              socket.write(`${JSON.stringify({ do: name, with: given })}\n`)
              return
            }
          }
          const answer = parsedLine(text) ?? {}
          if ('say' in answer) hear?.(answer['say'] as JsonValue)
          else if ('end' in answer) resolve(answer['end'] as JsonValue)
          else if (isObject(answer['error'])) {
            reject(errorFrom(answer['error'] as unknown as ErrorReport))
          } else socket.destroy()
        },
      })
    })
  } finally {
    socket.destroy()
  }
}

function helloIn(text: string): Hello | undefined {
  const found = parsedLine(text)
  const { prov, version, pid, epoch, journal, workspace, build } = found ?? {}
  const texts = [journal, workspace, build].every((value) => typeof value === 'string')
  const counts = Number.isSafeInteger(pid) && Number.isSafeInteger(epoch)
  if (prov !== 'socket' || version !== wireVersion || !texts || !counts) return undefined
  return found as unknown as Hello
}
