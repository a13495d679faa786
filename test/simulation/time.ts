/**
 * The one time of a simulated world. Everything that takes time is a timer here: the clocks of the
 * machines, a sync of a disk, a message on its way. One timer runs, then everything that follows from
 * it, then the next one; so the order of all things is the order of their times.
 *
 * @module
 */
import type { Clock, Timer } from '../../core/clock.ts'
import type { Count, Millis } from '../../core/units.ts'
import { stillness } from './still.ts'

interface Due {
  readonly atMs: Millis
  readonly act: () => void
  /** Whose it is: timers of the dead never run. */
  readonly isDead: () => boolean
}

const never = (): boolean => false

export class Time {
  /** When every world begins: 2026-01-01T00:00:00Z. */
  readonly startMs: Millis = 1_767_225_600_000
  nowMs: Millis = 0
  /** Timers that ran. */
  steps: Count = 0
  #due: Due[] = []

  after(delayMs: Millis, act: () => void, isDead: () => boolean = never): Timer {
    const due = { atMs: this.nowMs + Math.max(0, delayMs), act, isDead }
    let low = 0
    let high = this.#due.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#due[middle] as Due).atMs <= due.atMs) low = middle + 1
      else high = middle
    }
    this.#due.splice(low, 0, due)
    return {
      cancel: () => {
        const at = this.#due.indexOf(due)
        if (at >= 0) this.#due.splice(at, 1)
      },
    }
  }

  sleep(delayMs: Millis): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** The clock of a machine, whose wall time may be wrong. */
  clock(skewMs: () => Millis, isDead: () => boolean): Clock {
    return {
      now: () => Math.floor(this.startMs + this.nowMs + skewMs()),
      monotonic: () => this.nowMs,
      after: (delayMs, act) => this.after(delayMs, act, isDead),
    }
  }

  /** Lets the world go on until `over` or so far; false when it did not come to that. */
  async until(over: () => boolean, limitMs: Millis): Promise<boolean> {
    const end = this.nowMs + limitMs
    await stillness()
    while (!over()) {
      const next = this.#due.shift()
      if (!next || next.atMs > end) {
        if (next) this.#due.unshift(next)
        this.nowMs = end
        return over()
      }
      if (next.isDead()) continue
      this.nowMs = next.atMs
      this.steps++
      next.act()
      await stillness()
    }
    return true
  }

  /** Lets the world go on until the promise has ended; rejects when it takes longer. */
  async during<T>(work: Promise<T>, limitMs: Millis): Promise<T> {
    let over = false
    const watch = async (): Promise<void> => {
      await work.catch(() => {})
      over = true
    }
    void watch()
    if (await this.until(() => over, limitMs)) return work
    throw new Error(`it did not end within ${limitMs} ms`)
  }
}
