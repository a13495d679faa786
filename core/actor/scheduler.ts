/**
 * Whose turn it is. Turns run from rings, never inside each other, so a chain of any length needs no
 * stack. Every plugin has a lane of its own; lanes take turns with a quantum of steps each (deficit
 * round robin), so that a plugin that floods its own actors only waits longer itself. After a budget
 * of time the event loop gets its turn.
 *
 * Source of the idea: Shreedhar and Varghese, "Efficient fair queuing using deficit round robin".
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { place, running } from '../running.ts'
import type { Count, Millis } from '../units.ts'
import { flag } from './cell.ts'
import type { Cell } from './cell.ts'
import { listening } from './listeners.ts'
import { empty } from './mail.ts'

/** A microtask by way of a promise: Node's own function wraps each in a resource, for twice the time. */
const settled = Promise.resolve()

/** Steps that a lane may take before the next one gets its turn. */
const quantum: Count = 256
/** Time between two looks at the event loop. */
const budgetMs: Millis = 5
/** A lane whose quantum took longer than this pays for it with rounds in which others run. */
const fairMs: Millis = 1
/** The same by count, where a test's clock stands still. */
const mostSteps: Count = 65_536
/** Steps between two looks at the clock. */
const look: Count = 32
/** The same for turns that are given at once, which nobody else looks after. */
const nearLook: Count = 8
/** Rounds at most that a lane pays at once. */
const longestDebt = 32

/** The actors of one owner that are ready, in the order in which they got ready. */
export class Lane {
  #slots: (Cell | undefined)[] = empty(16)
  #head = 0
  #mask = 15
  size: Count = 0
  credit = 0
  listed = false

  push(cell: Cell): void {
    if (this.size > this.#mask) this.#grow()
    this.#slots[(this.#head + this.size++) & this.#mask] = cell
  }

  /** Only when there is one. */
  shift(): Cell {
    const cell = this.#slots[this.#head] as Cell
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & this.#mask
    this.size--
    return cell
  }

  /** Brings one of those that wait to the front. */
  pick(at: number): void {
    const to = (this.#head + at) & this.#mask
    const first = this.#slots[this.#head]
    this.#slots[this.#head] = this.#slots[to]
    this.#slots[to] = first
  }

  #grow(): void {
    const { length } = this.#slots
    const inOrder = [...this.#slots.slice(this.#head), ...this.#slots.slice(0, this.#head)]
    this.#slots = [...inOrder, ...empty(length)]
    this.#head = 0
    this.#mask = 2 * length - 1
  }
}

export interface SchedulerOptions {
  readonly clock: Clock
  /** Runs one turn and says how many steps it took. */
  readonly turn: (cell: Cell) => Count
  /** Called whenever nobody is left. */
  readonly rested: () => void
  /** Called before turns run, and now and then between them: time may have passed. */
  readonly tick: () => void
  /** Which of so many ready ones goes next. Default: the one that waited longest. */
  readonly pick?: ((ready: Count) => Count) | undefined
}

export class Scheduler {
  readonly #options: SchedulerOptions
  /** Lanes with ready actors. */
  #lanes: Lane[] = []
  #running = false
  /** When the event loop gets its turn; 0 before the first look at the clock. */
  #until: Millis = 0
  /** Since the event loop had its turn. */
  #steps: Count = 0
  #unlooked: Count = 0
  /** At the last look the event loop was due. */
  #late = false

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Gives a cell a turn, soon. A cell stands in its lane once. */
  ready(cell: Cell): void {
    if ((cell.flags & flag.queued) !== 0) return
    cell.flags |= flag.queued | flag.used
    const { lane } = cell.kind
    lane.push(cell)
    if (!lane.listed) {
      lane.listed = true
      lane.credit = 0
      this.#lanes.push(lane)
    }
    if (this.#running) return
    this.#running = true
    void settled.then(this.#drain)
  }

  /**
   * Gives a cell its turn at once when nobody else is ready: the same order, without the wait. Only
   * where nothing of the kernel is under way; else, and when the event loop is due, like `ready`.
   */
  now(cell: Cell): void {
    const { pick, turn, tick, rested } = this.#options
    if (this.#running || pick || listening.depth > 0 || this.#late) return this.ready(cell)
    tick()
    this.#running = true
    cell.flags |= flag.used
    const before = running[place.who] as number
    running[place.who] = cell.kind.runner
    const steps = turn(cell)
    running[place.who] = before
    this.#unlooked += steps
    if (this.#unlooked >= nearLook) this.#look()
    if (this.#lanes.length > 0) return void settled.then(this.#drain)
    this.#running = false
    rested()
  }

  get idle(): boolean {
    return !this.#running
  }

  readonly #drain = (): void => {
    const { tick, rested } = this.#options
    tick()
    if (this.#spent()) return this.#later()
    while (this.#lanes.length > 0) {
      const lane = this.#lanes[0] as Lane
      if (this.#lanes.length > 1) this.#lanes.push(this.#lanes.shift() as Lane)
      lane.credit += quantum
      if (lane.credit <= 0 && this.#lanes.length > 1) continue
      this.#run(lane)
      if (lane.size === 0) {
        lane.listed = false
        if (this.#lanes.length === 1) this.#lanes.length = 0
        else this.#lanes.splice(this.#lanes.indexOf(lane), 1)
      }
      if (this.#lanes.length > 0 && this.#spent()) return this.#later()
    }
    this.#running = false
    running[place.who] = 0
    rested()
  }

  /** The event loop had its turn. */
  turned(): void {
    this.#until = 0
    this.#steps = 0
    this.#late = false
  }

  /**
   * Counted from one turn of the event loop to the next, not by drain: actors and effects that answer
   * each other at once would go round in microtasks for ever.
   */
  #spent(): boolean {
    if (this.#steps >= mostSteps) return true
    return this.#until !== 0 && this.#options.clock.monotonic() >= this.#until
  }

  /** Looks at the clock, and counts what was done since the last look. */
  #look(): Millis {
    const { tick, clock } = this.#options
    this.#steps += this.#unlooked
    this.#unlooked = 0
    tick()
    const now = clock.monotonic()
    if (this.#until === 0) this.#until = now + budgetMs
    this.#late = this.#steps >= mostSteps || now >= this.#until
    return now
  }

  #later(): void {
    running[place.who] = 0
    setImmediate(this.#drain)
  }

  /** Until its credit is spent, nobody is ready, or it took long enough. */
  #run(lane: Lane): void {
    const { turn, pick } = this.#options
    let began = 0
    if (lane.credit <= 0) lane.credit = 1
    while (lane.credit > 0 && lane.size > 0) {
      if (pick && lane.size > 1) lane.pick(pick(lane.size))
      const cell = lane.shift()
      cell.flags &= ~flag.queued
      running[place.who] = cell.kind.runner
      const steps = turn(cell)
      lane.credit -= steps > 0 ? steps : 1
      this.#unlooked += steps > 0 ? steps : 1
      if (this.#unlooked < look) continue
      const now = this.#look()
      if (began === 0) began = now
      else if (now - began >= fairMs) {
        // Slow steps count by the time they took from everybody.
        const late = Math.min(longestDebt, Math.floor((now - began) / fairMs))
        lane.credit = Math.min(lane.credit, 0) - (late - 1) * quantum
      }
    }
  }
}
