/**
 * The other end of `thread.ts`: the first thing that runs in a plugin's thread.
 *
 * @module
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { pluginErrors } from '../errors.ts'
import { board, doings, frameWindow } from './cage.ts'
import { guest } from './guest.ts'
import type { GuestPlugin } from './guest.ts'
import { countHolders } from './holders.ts'

const { found, port, answers, shared } = workerData as {
  found: GuestPlugin
  port: MessagePort
  answers: MessagePort
  shared: Int32Array
}

// The line is ours: a plugin that looks for it finds nothing to write on by mistake.
for (const key of Object.keys(workerData as object))
  delete (workerData as Record<string, unknown>)[key]

try {
  const thread = /\d+$/.exec(readlinkSync('/proc/thread-self'))?.[0]
  Atomics.store(shared, board.thread, Number(thread ?? 0))
} catch {
  // Where the system does not say, silence is silence.
}

let sent = 0
const post = (frame: unknown): void => {
  // Who is not heard waits: nothing piles up on the other side.
  for (let taken = Atomics.load(shared, board.taken); sent - taken >= frameWindow;) {
    Atomics.wait(shared, board.taken, taken)
    taken = Atomics.load(shared, board.taken)
  }
  sent++
  port.postMessage(frame)
}

/**
 * A thread can end its own life, but not everybody's: a fault in a plugin must not stop Prov. Processes
 * that it started are its own to end.
 */
const refuse = (what: string) => (): never => {
  throw new Error(`${what} is not a plugin's to do`)
}
process.abort = refuse('process.abort')
const endOf = process.kill.bind(process)
process.kill = (pid, signal) => {
  // Of a number that is none of these nobody of Prov is the bearer: 0 and -1 are whole groups.
  const group = Number(groupOf() ?? process.pid)
  const ours = new Set([0, -1, process.pid, -process.pid, process.ppid, -group])
  return signal !== 0 && ours.has(Number(pid))
    ? refuse('process.kill of Prov')()
    : endOf(pid, signal)
}

/** Of this process, where the system says: behind its name, which may hold anything. */
function groupOf(): string | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    return stat.slice(stat.lastIndexOf(')')).split(' ')[3]
  } catch {
    return undefined
  }
}

/**
 * What would start threads or copies of Prov that neither its heap limit nor its end reaches, or let
 * somebody debug the process that all of Prov shares.
 */
function noneOfItsOwn(what: string) {
  return function refused(): never {
    throw pluginErrors.PROV_PLUGIN_THREAD_ONLY({ plugin: found.id, what })
  }
}
const require = createRequire(import.meta.url)
Object.assign(require('node:worker_threads') as object, { Worker: noneOfItsOwn('`new Worker`') })
Object.assign(require('node:cluster') as object, { fork: noneOfItsOwn('`cluster.fork`') })
const inspector = require('node:inspector') as { readonly Session: { readonly prototype: object } }
const noDebugger = { open: noneOfItsOwn('`inspector.open`') }
Object.assign(inspector, noDebugger)
Object.assign(require('node:inspector/promises') as object, noDebugger)
Object.assign(inspector.Session.prototype, {
  connectToMainThread: noneOfItsOwn('`connectToMainThread`'),
})
const holding = countHolders()
// Named imports of a module see what was assigned only after this.
syncBuiltinESMExports()

void guest({
  found,
  holding,
  line: {
    post,
    postNow(frame) {
      const before = Atomics.load(shared, board.answered)
      post(frame)
      for (;;) {
        const answer = receiveMessageOnPort(answers) as { message: unknown } | undefined
        if (answer) return answer.message
        Atomics.wait(shared, board.answered, before, 1_000)
      }
    },
  },
  listen: (take) => {
    port.on('message', take)
  },
  mark(kind, a, b, c) {
    Atomics.store(shared, board.a, a)
    Atomics.store(shared, board.b, b)
    Atomics.store(shared, board.c, c)
    Atomics.store(shared, board.kind, doings.indexOf(kind))
  },
})
