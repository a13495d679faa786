/**
 * A plugin in a worker thread. Frames come through a port of their own; how many were taken is
 * counted in shared memory, so that a plugin that sends faster than it is heard waits instead of
 * filling this process.
 *
 * @module
 */
import { MessageChannel, Worker } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import type { Count, Millis } from '../../units.ts'
import { admission } from './admission.ts'
import type { Inlet } from './admission.ts'
import type { Cage, CageOptions, Doing } from './cage.ts'
import { giveWay } from './give-way.ts'
import { board, doings, frameWindow, turnOf } from './cage.ts'

/** One that waits for room is called when so many of its frames were taken, not for each. */
const perCall: Count = 16
/** How long the end of a thread is waited for. */
const lingerMs: Millis = 5_000

export function openThread(options: CageOptions): Cage {
  const { found, limits, env, onFrame, onEnd, onText } = options
  const frames = new MessageChannel()
  const answers = new MessageChannel()
  const shared = new Int32Array(new SharedArrayBuffer(board.size * 4))
  const twin = import.meta.url.endsWith('.ts') ? './guest-thread.ts' : './guest-thread.js'
  const { id, entry, source } = found
  const worker = new Worker(new URL(twin, import.meta.url), {
    name: `prov plugin ${id}`,
    workerData: {
      found: { id, entry, source },
      port: frames.port2,
      answers: answers.port2,
      shared,
    },
    transferList: [frames.port2, answers.port2],
    env,
    execArgv: conditions(),
    stdout: true,
    stderr: true,
    resourceLimits: {
      maxOldGenerationSizeMb: Math.max(16, Math.round(limits.memoryBytes / 1024 / 1024)),
      maxYoungGenerationSizeMb: 16,
      stackSizeMb: 4,
    },
  })
  const { port1: port } = frames
  let crash: Error | undefined
  let asked = false
  let over = false
  const inbox: unknown[] = []
  let taken: Count = 0
  const inlet: Inlet = {
    at: 0,
    heardMs: 0,
    take() {
      if (over || inbox.length === 0) return false
      const frame = inbox.shift()
      Atomics.store(shared, board.taken, ++taken)
      if (inbox.length === 0 || taken % perCall === 0) Atomics.notify(shared, board.taken)
      onFrame(frame)
      return inbox.length > 0
    },
  }
  /** It writes past its window, so on the line itself: nothing of it is a frame any more. */
  let deaf = false
  port.on('message', (frame: unknown) => {
    if (deaf) return
    if (inbox.length < 2 * frameWindow) {
      inbox.push(frame)
      return admission.ready(inlet)
    }
    deaf = true
    inbox.length = 0
    options.onFlood()
  })
  port.on('messageerror', () => onFrame(undefined))
  worker.on('error', (thrown: unknown) => (crash = thrown as Error))
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.setEncoding('utf8')
    // One piece per turn: whoever writes without end waits, in memory of its own.
    stream.on('data', (text: string) => {
      stream.pause()
      setImmediate(() => stream.resume())
      onText(text)
    })
  }
  let gone = (): void => {}
  const end = new Promise<void>((resolve) => (gone = resolve))
  const finish = (how: string): void => {
    if (over) return
    // What it sent before its end counts.
    while (inbox.length > 0) onFrame(inbox.shift())
    over = true
    admission.drop(inlet)
    port.close()
    answers.port1.close()
    gone()
    const memory = (crash as { code?: unknown } | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
    onEnd({ memory, how })
  }
  worker.on('exit', (code) => {
    const how = crash ? `a crash: ${crash.message}` : `process.exit(${code})`
    setImmediate(() => finish(asked ? 'it was ended' : how))
  })
  worker.unref()
  port.unref()
  return {
    mode: 'worker',
    post: (frame) => {
      if (!over) port.postMessage(frame)
    },
    answer(frame) {
      if (over) return
      answers.port1.postMessage(frame)
      Atomics.add(shared, board.answered, 1)
      Atomics.notify(shared, board.answered)
    },
    doing(): Doing {
      const at = (place: number): number => Atomics.load(shared, place)
      return {
        kind: doings[at(board.kind)] ?? 'nothing',
        a: at(board.a),
        b: at(board.b),
        c: at(board.c),
      }
    },
    memory: () => undefined,
    turn() {
      const thread = Atomics.load(shared, board.thread)
      return thread === 0 ? undefined : turnOf(`/proc/self/task/${thread}`)
    },
    heardMs: () => inlet.heardMs,
    giveWay() {
      const thread = Atomics.load(shared, board.thread)
      if (thread !== 0) giveWay([thread])
    },
    behind: () => admission.waits(inlet),
    hold(held) {
      if (over || asked) return
      if (held) worker.ref()
      else worker.unref()
    },
    async kill() {
      // Who ends it waits for its end.
      if (over) return
      worker.ref()
      asked = true
      // One whose reads never end does not end either: Prov goes on without it.
      const late = systemClock.after(lingerMs, () => {
        worker.unref()
        finish('it was ended')
      })
      void worker.terminate()
      await end
      late.cancel()
    },
  }
}

/** Which build of Prov runs is said by conditions; nothing else of our flags is the plugin's. */
export function conditions(): string[] {
  return process.execArgv.filter((flag, at) => {
    return (
      /^(-C|--conditions)/.test(flag) || /^(-C|--conditions)$/.test(process.execArgv[at - 1] ?? '')
    )
  })
}
