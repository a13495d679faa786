/**
 * A plugin in a worker thread. Frames come through a port of their own; how many were taken is
 * counted in shared memory, so that a plugin that sends faster than it is heard waits instead of
 * filling this process. Taking them is spread over turns of the event loop for the same reason.
 *
 * @module
 */
import { MessageChannel, Worker } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import type { Millis } from '../../units.ts'
import type { Cage, CageOptions, Doing } from './cage.ts'
import { board, doings, frameWindow, turnOf } from './cage.ts'

/** Frames that are taken in one turn of the event loop. */
const perTurn = 16
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
  /** Frames that this turn of the event loop may still take. */
  let left = perTurn
  let counting = false
  const take = (): void => {
    for (; left > 0 && inbox.length > 0 && !over; left--) {
      Atomics.add(shared, board.taken, 1)
      Atomics.notify(shared, board.taken)
      onFrame(inbox.shift())
    }
    if (counting || over) return
    counting = true
    setImmediate(next)
  }
  const next = (): void => {
    counting = false
    left = perTurn
    if (inbox.length > 0) take()
  }
  /** It writes past its window, so on the line itself: nothing of it is a frame any more. */
  let deaf = false
  port.on('message', (frame: unknown) => {
    if (deaf) return
    if (inbox.length < 2 * frameWindow) {
      inbox.push(frame)
      return take()
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
    behind: () => inbox.length >= perTurn,
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
