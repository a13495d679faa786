/**
 * One heap of due times for all actors and one timer of the clock for the heap. A cancelled timer
 * stays until it is due or until dead entries outnumber the living ones; whoever is woken looks
 * whether its timer still stands.
 *
 * @module
 */
import type { Clock, Timer } from '../clock.ts'
import type { Millis } from '../units.ts'

interface Entry<T> {
  readonly dueMs: Millis
  readonly order: number
  readonly item: T
}

/** Wall clocks get set; nobody sleeps longer than this without looking at one again. */
const longestSleepMs: Millis = 3_600_000

/** Below this many entries nobody looks for dead ones. */
const fewest = 64

export class Alarm<T> {
  #heap: Entry<T>[] = []
  readonly #clock: Clock
  readonly #ring: (item: T) => void
  readonly #stands: (item: T) => boolean
  #timer: Timer | undefined
  #armedFor: Millis = Infinity
  #order = 0
  #sweepAt = fewest

  /** `stands` says whether an item would still be rung for. */
  constructor(clock: Clock, ring: (item: T) => void, stands: (item: T) => boolean = () => true) {
    this.#clock = clock
    this.#ring = ring
    this.#stands = stands
  }

  /** Entries held, dead ones included. */
  get size(): number {
    return this.#heap.length
  }

  /** Rings for `item` at that wall time, at once when it is past. Equal times ring in order. */
  set(dueMs: Millis, item: T): void {
    if (this.#heap.length >= this.#sweepAt) this.#sweep()
    const heap = this.#heap
    const entry = { dueMs, order: this.#order++, item }
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent] as Entry<T>)) break
      heap[at] = heap[parent] as Entry<T>
      at = parent
    }
    heap[at] = entry
    if (dueMs < this.#armedFor) this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#heap.length = 0
  }

  #arm(): void {
    this.#timer?.cancel()
    const next = this.#heap[0]
    this.#armedFor = next?.dueMs ?? Infinity
    if (!next) return
    const delayMs = Math.min(longestSleepMs, next.dueMs - this.#clock.now())
    this.#timer = this.#clock.after(delayMs, () => this.#fire(), { background: true })
  }

  #fire(): void {
    const now = this.#clock.now()
    for (let next = this.#heap[0]; next && next.dueMs <= now; next = this.#heap[0]) {
      this.#pop()
      this.#ring(next.item)
    }
    this.#arm()
  }

  /** Takes the dead out. A sorted list is a heap. */
  #sweep(): void {
    const living = this.#heap.filter((entry) => this.#stands(entry.item))
    this.#heap = living.sort((a, b) => (before(a, b) ? -1 : 1))
    this.#sweepAt = Math.max(fewest, 2 * living.length)
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Entry<T>
    if (heap.length === 0) return
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = heap[child + 1]
      if (right && before(right, heap[child] as Entry<T>)) child++
      if (!before(heap[child] as Entry<T>, last)) break
      heap[at] = heap[child] as Entry<T>
      at = child
    }
    heap[at] = last
  }
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
