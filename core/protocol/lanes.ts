/**
 * Work for the thread pool, a few pieces at a time. The pool is one queue for the whole process: a
 * hundred checks of signatures handed over at once would stand before the journal's next sync. A thread
 * that has nothing behind its piece falls asleep, though, and waking it costs whoever hands over half a
 * check: where many wait, more are handed over, and a sync that many share waits a little longer.
 *
 * @module
 */
import type { Count } from '../units.ts'

type Piece = (done: () => void) => void

export class Lanes {
  readonly #width: Count
  readonly #most: Count
  readonly #waiting: Piece[] = []
  /** Of `#waiting`, those that went. */
  #gone = 0
  #under = 0
  /** A piece that is done at once must not begin the next one from within. */
  #filling = false

  /**
   * `width`: pieces under way at once, 1 or more; where more than twice as many wait, half of those, up to
   * `most`. Default: no more than `width`.
   */
  constructor(width: Count, most: Count = width) {
    this.#width = width
    this.#most = most
  }

  get underWay(): Count {
    return this.#under
  }

  /** Starts it, now or in its turn; it calls `done` once, however it ended. First come, first served. */
  add(piece: Piece): void {
    this.#waiting.push(piece)
    this.#fill()
  }

  #wide(): Count {
    const waiting = this.#waiting.length - this.#gone
    return Math.max(this.#width, Math.min(this.#most, waiting >> 1))
  }

  #fill(): void {
    if (this.#filling) return
    this.#filling = true
    while (this.#gone < this.#waiting.length && this.#under < this.#wide()) {
      const piece = this.#waiting[this.#gone++] as Piece
      this.#under++
      let over = false
      piece(() => {
        if (over) return
        over = true
        this.#under--
        this.#fill()
      })
    }
    this.#filling = false
    if (this.#gone === this.#waiting.length || this.#gone > 1_024) {
      this.#waiting.splice(0, this.#gone)
      this.#gone = 0
    }
  }
}
