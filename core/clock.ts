/**
 * The only place that reads time. Everything else gets a `Clock`, so a test can hold time still
 * and drive it, and a clock jump is one object misbehaving instead of a hundred call sites.
 *
 * @module
 */
import type { Millis } from './units.ts'

export interface Timer {
  /** Idempotent. After it returns the callback will not run. */
  cancel(): void
}

export interface Clock {
  /** Wall time in ms since the Unix epoch. May jump either way when the machine's clock is set. */
  now(): Millis
  /** Never goes back and does not jump; only differences mean something. */
  monotonic(): Millis
  /**
   * Runs `callback` once after `delayMs` (negative counts as 0). Delays beyond 2^31-1 ms are split
   * inside, so a timer in 30 days neither fires at once nor is lost. Does not keep the process alive
   * when `background` is true (default false).
   */
  after(delayMs: Millis, callback: () => void, options?: { background?: boolean }): Timer
}

const longestNodeDelay: Millis = 2_147_483_647

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback, options) {
    let handle: NodeJS.Timeout
    let left = Math.max(0, delayMs)
    const arm = (): void => {
      const step = Math.min(left, longestNodeDelay)
      left -= step
      handle = setTimeout(() => (left > 0 ? arm() : callback()), step)
      if (options?.background) handle.unref()
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** A clock that stands still until a test moves it. */
export interface SimulatedClock extends Clock {
  /** Moves time on, running due timers in order of due time; awaits their microtasks in between. */
  advance(ms: Millis): Promise<void>
  /**
   * Sets wall time without running timers or moving `monotonic`: somebody set the clock, or the machine
   * was suspended.
   */
  jump(ms: Millis): void
  /** The process stands still (SIGSTOP): both clocks go on, nobody rings before the next `advance`. */
  freeze(ms: Millis): void
  /** Due time of the next timer on the monotonic scale, or undefined. */
  nextDue(): Millis | undefined
}

/** Default start: 2026-01-01T00:00:00Z. Timers with equal due time run in the order they were set. */
export function simulatedClock(options: { startMs?: Millis } = {}): SimulatedClock {
  let wall = options.startMs ?? 1_767_225_600_000
  let mono = 0
  let order = 0
  const timers: { due: Millis; order: number; run: () => void }[] = []
  const earliest = () =>
    timers.reduce<(typeof timers)[number] | undefined>(
      (best, timer) =>
        !best || timer.due < best.due || (timer.due === best.due && timer.order < best.order)
          ? timer
          : best,
      undefined,
    )
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    now: () => wall,
    monotonic: () => mono,
    after(delayMs, callback) {
      const timer = { due: mono + Math.max(0, delayMs), order: order++, run: callback }
      timers.push(timer)
      return {
        cancel: () => {
          const at = timers.indexOf(timer)
          if (at >= 0) timers.splice(at, 1)
        },
      }
    },
    async advance(ms) {
      const end = mono + ms
      await settle()
      for (let next = earliest(); next && next.due <= end; next = earliest()) {
        const aheadMs = Math.max(0, next.due - mono)
        wall += aheadMs
        mono += aheadMs
        timers.splice(timers.indexOf(next), 1)
        next.run()
        await settle()
      }
      wall += end - mono
      mono = end
      await settle()
    },
    jump: (ms) => {
      wall += ms
    },
    freeze: (ms) => {
      wall += ms
      mono += ms
    },
    nextDue: () => earliest()?.due,
  }
}

/**
 * Resolves after `ms`. Rejects with the signal's reason when it aborts first; the timer is then gone.
 */
export function sleep(clock: Clock, ms: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const abort = () => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    signal?.addEventListener('abort', abort, { once: true })
  })
}
