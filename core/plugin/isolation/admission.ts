/**
 * When what plugins elsewhere say is taken. All of them together have so much time in one turn of the
 * event loop; what is over waits where it was said, in the window of a thread or the pipe of a process,
 * and the plugin stands still behind it.
 *
 *     a frame comes ─▶ time left in this turn? ──yes──▶ taken
 *                            └──no──▶ next turn, who had the least time first
 *
 * Source of the idea: Goyal, Vin and Cheng, "Start-time fair queuing".
 *
 * @module
 */
import { systemClock } from '../../clock.ts'
import type { Clock } from '../../clock.ts'
import type { Count, Millis } from '../../units.ts'

/** In one turn of the event loop. What a frame takes is not known before: the last one may take longer. */
const turnMs: Millis = 0.1
/** The same by count. */
const turnFrames: Count = 16

/** The frames of one plugin. */
export interface Inlet {
  /** Takes one; false when no other waits. Never throws. */
  readonly take: () => boolean
  /** Its place: the time that it had, never less than those had who were heard while it was silent. */
  at: Millis
  /** All the time that it had. */
  heardMs: Millis
}

export class Admission {
  readonly #clock: Clock
  readonly #soon: (turn: () => void) => void
  readonly #waiting = new Set<Inlet>()
  #now: Millis = 0
  /** Of this turn. */
  #spentMs: Millis = 0
  #frames: Count = 0
  #due = false

  /** `soon` calls in the next turn of the event loop. */
  constructor(clock: Clock, soon: (turn: () => void) => void) {
    this.#clock = clock
    this.#soon = soon
  }

  /** A frame of it is there. */
  ready(inlet: Inlet): void {
    if (!this.#waiting.has(inlet)) {
      inlet.at = Math.max(inlet.at, this.#now)
      this.#waiting.add(inlet)
    }
    this.#hear()
  }

  /** Some of it waits for a later turn. */
  waits(inlet: Inlet): boolean {
    return this.#waiting.has(inlet)
  }

  /** It has ended. */
  drop(inlet: Inlet): void {
    this.#waiting.delete(inlet)
  }

  #hear(): void {
    while (this.#waiting.size > 0 && this.#spentMs < turnMs && this.#frames < turnFrames) {
      const inlet = this.#first()
      this.#now = inlet.at
      const from = this.#clock.monotonic()
      if (!inlet.take()) this.#waiting.delete(inlet)
      const tookMs = this.#clock.monotonic() - from
      inlet.at += tookMs
      inlet.heardMs += tookMs
      this.#spentMs += tookMs
      this.#frames++
    }
    if (this.#due) return
    this.#due = true
    this.#soon(() => {
      this.#due = false
      this.#spentMs = 0
      this.#frames = 0
      if (this.#waiting.size > 0) this.#hear()
    })
  }

  #first(): Inlet {
    return [...this.#waiting].reduce((first, one) => (one.at < first.at ? one : first))
  }
}

/** Of this thread. */
export const admission = new Admission(systemClock, (turn) => setImmediate(turn))
