/**
 * Who may run a step now: one queue for the whole workspace. Higher priorities go first; whoever was
 * passed over often enough goes before all of them, so nobody starves. First come, first served
 * among equals.
 *
 * @module
 */
import type { Count } from 'prov'

export const priorities = { lowest: 0, highest: 9, undo: 10 } as const

/** How often the head of a lower queue is passed over before it goes first. */
export const passedOverAtMost: Count = 16

/** Gives the slot back; a second call does nothing. */
export type GiveBack = () => void

interface Queue {
  readonly waiting: Set<() => void>
  passedOver: Count
}

export class Slots {
  #free: Count
  readonly #queues: readonly Queue[] = Array.from({ length: priorities.undo + 1 }, () => ({
    waiting: new Set<() => void>(),
    passedOver: 0,
  }))

  constructor(count: Count) {
    this.#free = count
  }

  /** Resolves with a slot; rejects with the signal's reason. */
  take(priority: Count, signal: AbortSignal): Promise<GiveBack> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve(this.#slot())
    }
    const { waiting } = this.#queues[priority] as Queue
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', leave)
        resolve(this.#slot())
      }
      const leave = (): void => {
        waiting.delete(turn)
        reject(signal.reason as Error)
      }
      waiting.add(turn)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  #slot(): GiveBack {
    let held = true
    return () => {
      if (!held) return
      held = false
      const turn = this.#next()
      if (turn) turn()
      else this.#free++
    }
  }

  #next(): (() => void) | undefined {
    const filled = this.#queues.filter(({ waiting }) => waiting.size > 0)
    // The lowest one first: it has waited longest when several are due.
    const due = filled.find(({ passedOver }) => passedOver >= passedOverAtMost)
    const chosen = due ?? filled.at(-1)
    for (const queue of filled) queue.passedOver = queue === chosen ? 0 : queue.passedOver + 1
    const [turn] = chosen?.waiting ?? []
    if (turn) chosen?.waiting.delete(turn)
    return turn
  }
}
