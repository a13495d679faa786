/**
 * Says who keeps this thread busy, while it is busy. A thread of its own looks at the beat of this
 * one; when it stands still, the name of whoever runs goes to stderr and into `.prov/stall.json`,
 * because nothing else here can say it. It ends nobody: only a person can, and the next start goes on
 * where the journal ends.
 *
 * @module
 */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import { followRunners, place, running } from '../../running.ts'
import type { Millis } from '../../units.ts'

export interface WatchdogOptions {
  /** Longest that this thread may be busy unsaid. */
  readonly blockMs: Millis
  /** Folder for `stall.json`. */
  readonly stateDir: string
  /** Called when this thread is back: who kept it, with what, and how long that took. */
  readonly back: (stall: Stall) => void
}

export interface Stall {
  readonly owner: string
  readonly doing: string
  /** False when no mark was on the thread: then `owner` is nobody's name. */
  readonly sure: boolean
  readonly forMs: Millis
}

/** Looks per `blockMs`. */
const looks = 4

/** Starts the thread; it keeps nothing alive. Returns its end. */
export function startWatchdog({ blockMs, stateDir, back }: WatchdogOptions): () => Promise<void> {
  const twin = import.meta.url.endsWith('.ts') ? './watchdog-thread.ts' : './watchdog-thread.js'
  const worker = new Worker(new URL(twin, import.meta.url), {
    name: 'prov watchdog',
    workerData: { running, blockMs, looks, file: join(stateDir, 'stall.json') },
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 },
  })
  worker.unref()
  // Without it nobody watches, and everything else goes on.
  worker.on('error', () => {})
  worker.on('message', (stall: Stall) => back(stall))
  const unfollow = followRunners((number, runner) => worker.postMessage({ number, runner }))
  let beat = systemClock.after(0, () => {}, { background: true })
  const next = (): void => {
    beat = systemClock.after(
      blockMs / looks,
      () => {
        Atomics.add(running, place.beat, 1)
        next()
      },
      { background: true },
    )
  }
  next()
  return async () => {
    beat.cancel()
    unfollow()
    await worker.terminate()
  }
}
