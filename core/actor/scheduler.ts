/**
 * Whose turn it is. Turns run from a ring, never inside each other, so a chain of any length needs
 * no stack; after a budget of turns the event loop gets its own.
 *
 * @module
 */
import type { Cell } from './cell.ts'

/** Turns between two looks at the event loop. */
const budget = 256

export class Scheduler {
  readonly #turn: (cell: Cell) => void
  readonly #rested: () => void
  #ring: Cell[] = []
  #running = false

  /** `rested` is called whenever nobody is left. */
  constructor(turn: (cell: Cell) => void, rested: () => void) {
    this.#turn = turn
    this.#rested = rested
  }

  /** Gives a cell a turn, soon. A cell stands in the ring once. */
  ready(cell: Cell): void {
    if (cell.queued) return
    cell.queued = true
    this.#ring.push(cell)
    if (this.#running) return
    this.#running = true
    queueMicrotask(this.#drain)
  }

  get idle(): boolean {
    return !this.#running
  }

  readonly #drain = (): void => {
    let left = budget
    while (this.#ring.length > 0) {
      const round = this.#ring
      this.#ring = []
      for (let at = 0; at < round.length; at++) {
        if (left-- === 0) {
          this.#ring = [...round.slice(at), ...this.#ring]
          setImmediate(this.#drain)
          return
        }
        const cell = round[at] as Cell
        cell.queued = false
        this.#turn(cell)
      }
    }
    this.#running = false
    this.#rested()
  }
}
