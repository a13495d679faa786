/**
 * What one step gathers while it is computed: where it has come to, and what was asked for on the way.
 * A program has one, opens it for each step, and closes it into a `Step`; so a step makes nothing that
 * it does not hand out.
 *
 * @module
 */
import type { AnyStateNode } from 'xstate'
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Millis } from '../../units.ts'
import type { ActorEvent } from '../define.ts'
import type { TimerState } from '../state.ts'
import { ChildNames } from './child-names.ts'
import { none } from './program.ts'
import type { Asked, LogLine } from './program.ts'

/** What `stateIn` looks at: the configuration that the present microstep leaves. */
export interface Place {
  readonly nodes: readonly AnyStateNode[]
  readonly value: JsonValue
}

/** What a machine's functions are called with. Used again by every call: they take what they need. */
export interface Arguments {
  context: JsonObject
  event: ActorEvent
}

/** More microsteps than this in one step is a loop: the step fails instead of never ending. */
export const longestStep = 1_000

/** From so many timers on, and so many changes to them in one step, they are kept by id. */
const many = { timers: 16, changes: 8 }

export class Draft {
  context: JsonObject = {}
  event: ActorEvent = { type: '' }
  place: Place = { nodes: none, value: {} }
  nowMs: Millis = 0
  /** Ids for children that nobody named. */
  readonly childNames = new ChildNames()
  /** Raised, and not handled yet. */
  queue: ActorEvent[] = []
  /** Something happened after which XState counts the state as a new one. */
  touched = false
  /** XState lost a state, and it was put back. */
  repaired = false
  /** What the machine gave when it was done. */
  output: JsonValue | undefined = undefined
  asked: Asked[] | undefined = undefined
  logs: LogLine[] | undefined = undefined
  #timers: readonly TimerState[] = none
  /** The same in the same order, in a step that changes many of many. */
  #byId: Map<string, TimerState> | undefined = undefined
  /** `#timers` is behind `#byId`. */
  #behind = false
  #changes = 0
  /** By type of the event: from which number on a free name is to be looked for. */
  #free: Map<string, number> | undefined = undefined

  open(context: JsonObject, event: ActorEvent, timers: readonly TimerState[], nowMs: Millis): void {
    this.context = context
    this.event = event
    this.#timers = timers
    this.nowMs = nowMs
    this.#changes = 0
    if (this.#byId !== undefined) this.#byId = this.#free = undefined
    this.touched = false
    this.repaired = false
    this.asked = undefined
    this.logs = undefined
    if (this.queue.length > 0) this.queue = []
  }

  ask(name: string, params: unknown): void {
    const one: Asked = { name, params: (params ?? null) as JsonValue }
    // A literal has room for what it holds, a list that is pushed to for seventeen.
    if (this.asked === undefined) this.asked = [one]
    else this.asked.push(one)
  }

  log(line: LogLine): void {
    ;(this.logs ??= []).push(line)
  }

  /** Those that are set, the oldest first. The same array as long as nothing changed in it. */
  get timers(): readonly TimerState[] {
    if (this.#byId !== undefined && this.#behind) {
      this.#behind = false
      // A copy has room for what it holds and no more.
      this.#timers = Array.from(this.#byId.values()).slice()
    }
    return this.#timers
  }

  /** Sets a delayed event; under an id that is set already it takes that one's place. */
  delay(id: string | undefined, event: ActorEvent, delayMs: Millis, to?: string): void {
    const name = id ?? this.#freeName(event)
    const byId = this.#changing()
    const dueMs = this.nowMs + delayMs
    // Literals take what they hold; a spread leaves room for more, in each pending timer.
    const timer: TimerState =
      to === undefined ? { id: name, dueMs, event } : { id: name, dueMs, event, to }
    if (byId !== undefined) {
      byId.delete(name)
      byId.set(name, timer)
      this.#behind = true
    } else if (this.#timers.length === 0) this.#timers = [timer]
    else this.#timers = [...this.#timers.filter((known) => known.id !== name), timer]
  }

  cancel(id: unknown): void {
    const byId = this.#changing()
    if (byId === undefined) this.#timers = without(this.#timers, id)
    else if (byId.delete(id as string)) {
      this.#behind = true
      this.#free = undefined
    }
  }

  /** Undefined while the list does as well. */
  #changing(): Map<string, TimerState> | undefined {
    if (this.#byId !== undefined) return this.#byId
    return ++this.#changes < many.changes ? undefined : this.#mapped()
  }

  #mapped(): Map<string, TimerState> | undefined {
    const timers = this.#timers
    if (this.#byId !== undefined || timers.length < many.timers) return this.#byId
    const byId = new Map(timers.map((timer) => [timer.id, timer]))
    // What a migration made may hold an id twice.
    if (byId.size < timers.length) return undefined
    this.#behind = false
    return (this.#byId = byId)
  }

  /** The rule is for good: the same step gives the same names again. */
  #freeName({ type }: ActorEvent): string {
    if (this.#byId === undefined) {
      let number = this.#timers.length
      const isTaken = () => this.#timers.some(({ id }) => id === `${type}#${number}`)
      if (isTaken() && this.#mapped() === undefined) while (isTaken()) number++
      if (this.#byId === undefined) return `${type}#${number}`
    }
    const byId = this.#byId as Map<string, TimerState>
    // All between the present size and the name given last are taken, until one is cancelled.
    let number = Math.max(byId.size, this.#free?.get(type) ?? 0)
    while (byId.has(`${type}#${number}`)) number++
    ;(this.#free ??= new Map()).set(type, number + 1)
    return `${type}#${number}`
  }
}

/** The same array when there is no such timer. */
export function without(timers: readonly TimerState[], id: unknown): readonly TimerState[] {
  const place = timers.findIndex((known) => known.id === id)
  if (place < 0) return timers
  if (timers.length === 1) return none
  // A copy of all but one takes what it holds; a filter grows, and leaves that behind.
  const left = timers.toSpliced(place, 1)
  return left.some((known) => known.id === id) ? left.filter((known) => known.id !== id) : left
}
