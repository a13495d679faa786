/**
 * All pending timers of all actors: one 4-ary heap in typed arrays, and one timer of the clock for
 * the whole heap. A pending timer costs 20 bytes of arrays and one reference; setting and cancelling
 * allocate nothing.
 *
 *     handle ─▶ slot ─▶ place in the heap ─▶ due time     (heap order: due, then order of setting)
 *
 * A1  Nobody rings early and nobody oversleeps when the machine's wall clock is set: the wall time a
 *     caller names becomes a time on the monotonic clock at once, and only that one is waited for.
 * A2  Equal wall times ring in the order they were set.
 * A3  A handle names one setting for good: after it rang or was cancelled it cancels nothing.
 *
 * @module
 */
import type { Clock, Timer } from '../clock.ts'
import type { Count, Millis } from '../units.ts'
import { empty } from './mail.ts'

/** Monotonic less wall time. The wall is read first: it comes in whole milliseconds, none too late. */
export function gapOf(clock: Clock): Millis {
  const wallMs = clock.now()
  return clock.monotonic() - wallMs
}

/** Names one set timer. Never 0, so 0 may stand for none. */
export type AlarmHandle = number

/** Nobody sleeps longer without looking again: a timer of the clock may be lost or late. */
const longestSleepMs: Millis = 3_600_000

/** Places kept when nothing is pending. */
const fewest: Count = 64

/** Arrays grow by a fifth: 28 bytes per timer, and at most 5.6 to spare. More would copy less. */
const growth = 1.2

/** Due within this is due: a sum of fractions must not make us wake for nothing, for ever. */
const roundingMs: Millis = 0.001

/** Slots take the low part of a handle, the order of setting the high part: 2^53 in all. */
const slotLimit = 2 ** 26
const orderLimit = 2 ** 27

export class Alarm<T> {
  readonly #clock: Clock
  readonly #ring: (item: T) => void
  readonly #background: boolean
  // By place in the heap.
  #dues = new Float64Array(fewest)
  #slots = new Int32Array(fewest)
  // By slot. A free slot's place is negative: -2 less the number of the next free one, -1 for none.
  #places = new Int32Array(fewest)
  #orders = new Int32Array(fewest)
  #items: (T | undefined)[] = empty(fewest)
  #size: Count = 0
  /** Slots ever used since the arrays were last given up. */
  #used: Count = 0
  #free = -1
  #order = 0
  #timer: Timer | undefined
  #armedFor: Millis = Infinity
  #ringing = false
  #stopped = false
  /** Monotonic minus wall time, as of the last setting. */
  #gap: Millis = -Infinity

  /**
   * `ring` is called once for each timer that is due and was not cancelled. In the background (default)
   * what is set does not keep the process alive.
   */
  constructor(clock: Clock, ring: (item: T) => void, options: { background?: boolean } = {}) {
    this.#background = options.background ?? true
    this.#clock = clock
    this.#ring = ring
  }

  /** Timers that will ring. */
  get size(): Count {
    return this.#size
  }

  /** Bytes of the arrays, references to the items included. */
  get bytes(): number {
    return 28 * this.#dues.length
  }

  /**
   * Rings for `item` at that wall time, as soon as possible when it is past. `gapMs` is monotonic less
   * wall time when the caller reckoned: who reckons, waits for a disk and sets is right also when the
   * wall clock was set meanwhile. After `stop` nothing is set and the handle is 0.
   */
  set(dueMs: Millis, item: T, gapMs: Millis = gapOf(this.#clock)): AlarmHandle {
    return this.setMonotonic(dueMs + this.#steady(gapMs), item)
  }

  /** The same for a time on the monotonic clock; one that is no number is due at once. */
  setMonotonic(due: Millis, item: T): AlarmHandle {
    if (this.#stopped) return 0
    // Nothing is before or after that: the heap of all others would lose its order.
    if (Number.isNaN(due)) return this.setMonotonic(-Infinity, item)
    const slot = this.#slot()
    this.#orders[slot] = this.#order
    this.#items[slot] = item
    this.#rise(this.#size++, due, slot)
    if (due < this.#armedFor && !this.#ringing) this.#arm()
    const handle = (this.#order & (orderLimit - 1)) * slotLimit + slot + 1
    this.#order = (this.#order + 1) | 0
    return handle
  }

  /** Whether it was still pending. */
  cancel(handle: AlarmHandle): boolean {
    // By division: a remainder of numbers beyond 32 bits takes four times as long.
    const setting = Math.floor((handle - 1) / slotLimit)
    const slot = handle - 1 - setting * slotLimit
    if (handle < 1 || slot >= this.#used) return false
    const place = this.#places[slot] as number
    const order = (this.#orders[slot] as number) & (orderLimit - 1)
    if (place < 0 || order !== setting) return false
    this.#remove(place)
    return true
  }

  /** Waits for nothing while nothing is set: a timer of the foreground would keep the process. */
  rest(): void {
    if (this.#size > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#armedFor = Infinity
  }

  /** Forgets everything, for good. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#items = []
    this.#giveUp()
  }

  /**
   * The gap between the clocks. Wall time comes in whole milliseconds, so the gap seems to waver by
   * one: the largest is kept (nobody rings early), and keeps equal wall times in order. Anything
   * else means that the wall clock was set.
   */
  #steady(gap: Millis): Millis {
    if (gap > this.#gap || gap < this.#gap - 1) this.#gap = gap
    return this.#gap
  }

  // ── the clock ──────────────────────────────────────────────────────────────────────────────────

  /** Only an earlier time arms anew; whoever cancels leaves one vain look at the clock behind. */
  #arm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#armedFor = Infinity
    if (this.#size === 0) return
    const next = this.#dues[0] as number
    const now = this.#clock.monotonic()
    const delayMs = Math.min(longestSleepMs, Math.max(0, next - now))
    this.#armedFor = delayMs > 0 ? now + delayMs : -Infinity
    this.#timer = this.#clock.after(delayMs, () => this.#fire(), { background: this.#background })
  }

  /** What is set meanwhile waits for the next look, so that this one ends. */
  #fire(): void {
    const reached = this.#clock.monotonic() + roundingMs
    this.#ringing = true
    try {
      for (let most = this.#size; most > 0 && this.#size > 0; most--) {
        if ((this.#dues[0] as number) > reached) break
        const item = this.#items[this.#slots[0] as number] as T
        this.#remove(0)
        this.#ring(item)
      }
    } finally {
      this.#ringing = false
      this.#arm()
    }
  }

  // ── the heap ───────────────────────────────────────────────────────────────────────────────────

  #slot(): number {
    const slot = this.#free
    if (slot >= 0) {
      this.#free = -2 - (this.#places[slot] as number)
      return slot
    }
    if (this.#used === this.#dues.length) this.#grow()
    return this.#used++
  }

  #remove(place: number): void {
    const slot = this.#slots[place] as number
    this.#items[slot] = undefined
    const last = --this.#size
    if (last === 0) return this.#giveUp()
    this.#places[slot] = -2 - this.#free
    this.#free = slot
    if (place === last) return
    const due = this.#dues[last] as number
    const moved = this.#slots[last] as number
    const parent = (place - 1) >> 2
    if (place > 0 && this.#before(due, moved, parent)) this.#rise(place, due, moved)
    else this.#sink(place, due, moved)
  }

  #before(due: number, slot: number, place: number): boolean {
    const other = this.#dues[place] as number
    return due < other || (due === other && this.#earlier(slot, this.#slots[place] as number))
  }

  /** Orders wrap round after 2^32 settings; the difference still tells. */
  #earlier(slot: number, other: number): boolean {
    return (((this.#orders[slot] as number) - (this.#orders[other] as number)) | 0) < 0
  }

  #put(place: number, due: number, slot: number): void {
    this.#dues[place] = due
    this.#slots[place] = slot
    this.#places[slot] = place
  }

  #rise(from: number, due: number, slot: number): void {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 2
      if (!this.#before(due, slot, parent)) break
      this.#put(place, this.#dues[parent] as number, this.#slots[parent] as number)
      place = parent
    }
    this.#put(place, due, slot)
  }

  #sink(from: number, due: number, slot: number): void {
    let place = from
    for (let child = 4 * place + 1; child < this.#size; child = 4 * place + 1) {
      const end = Math.min(child + 4, this.#size)
      let least = child
      for (let at = child + 1; at < end; at++) {
        if (this.#before(this.#dues[at] as number, this.#slots[at] as number, least)) least = at
      }
      if (this.#before(due, slot, least)) break
      this.#put(place, this.#dues[least] as number, this.#slots[least] as number)
      place = least
    }
    this.#put(place, due, slot)
  }

  #grow(): void {
    const capacity = Math.ceil(this.#dues.length * growth)
    this.#dues = grown(this.#dues, new Float64Array(capacity))
    this.#slots = grown(this.#slots, new Int32Array(capacity))
    this.#places = grown(this.#places, new Int32Array(capacity))
    this.#orders = grown(this.#orders, new Int32Array(capacity))
    this.#items = this.#items.concat(empty(capacity - this.#items.length))
  }

  /** Nothing pends: all slots are free, and what a storm needed is given back. */
  #giveUp(): void {
    this.#size = 0
    this.#used = 0
    this.#free = -1
    if (this.#dues.length <= 16 * fewest) return
    this.#dues = new Float64Array(fewest)
    this.#slots = new Int32Array(fewest)
    this.#places = new Int32Array(fewest)
    this.#orders = new Int32Array(fewest)
    this.#items = empty(fewest)
  }
}

function grown<A extends Float64Array | Int32Array>(from: A, to: A): A {
  to.set(from)
  return to
}
