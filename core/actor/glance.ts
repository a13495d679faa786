/**
 * The time, looked up rarely. Reading a clock costs as much as a step, and within one turn of the
 * event loop no timer can ring anyway: all that happens in it may share a look, up to some number of
 * uses. Only for the machine's own clock; one that a test drives is asked each time.
 *
 * @module
 */
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Count, Millis } from '../units.ts'

/** Uses of one look: a long turn must not stand still in time. */
const mostUses: Count = 64

export class Glance {
  readonly #clock: Clock
  readonly #shared: boolean
  readonly #after: () => void
  #left: Count = 0
  #turning = false
  /** Wall time at the last look. */
  wallMs: Millis
  /** Monotonic time at the last look. */
  monotonicMs: Millis

  /** `after` runs at the end of each turn of the event loop in which somebody looked. */
  constructor(clock: Clock, after: () => void) {
    this.#clock = clock
    this.#shared = clock === systemClock
    this.#after = after
    this.wallMs = clock.now()
    this.monotonicMs = clock.monotonic()
  }

  /** Brings both times up to date, if need be. */
  look(): void {
    if (this.#left-- > 0) return
    this.#left = this.#shared ? mostUses : 0
    this.wallMs = this.#clock.now()
    this.monotonicMs = this.#clock.monotonic()
    this.turn()
  }

  /** Asks for a call of `after` at the end of this turn. */
  turn(): void {
    if (this.#turning) return
    this.#turning = true
    setImmediate(this.#turned)
  }

  readonly #turned = (): void => {
    this.#turning = false
    this.#left = 0
    this.#after()
  }
}
