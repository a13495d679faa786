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

export class Draft {
  context: JsonObject = {}
  event: ActorEvent = { type: '' }
  place: Place = { nodes: none, value: {} }
  nowMs: Millis = 0
  timers: readonly TimerState[] = none
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

  open(context: JsonObject, event: ActorEvent, timers: readonly TimerState[], nowMs: Millis): void {
    this.context = context
    this.event = event
    this.timers = timers
    this.nowMs = nowMs
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

  /** Sets a delayed event; under an id that is set already it takes that one's place. */
  delay(id: string | undefined, event: ActorEvent, delayMs: Millis, to?: string): void {
    const name = id ?? this.#freeName(event)
    const dueMs = this.nowMs + delayMs
    // Literals take what they hold; a spread leaves room for more, in each pending timer.
    const timer: TimerState =
      to === undefined ? { id: name, dueMs, event } : { id: name, dueMs, event, to }
    if (this.timers.length === 0) this.timers = [timer]
    else this.timers = [...this.timers.filter((known) => known.id !== name), timer]
  }

  cancel(id: unknown): void {
    this.timers = without(this.timers, id)
  }

  #freeName(event: ActorEvent): string {
    let number = this.timers.length
    while (this.timers.some((known) => known.id === `${event.type}#${number}`)) number++
    return `${event.type}#${number}`
  }
}

/** The same array when there is no such timer. */
export function without(timers: readonly TimerState[], id: unknown): readonly TimerState[] {
  if (!timers.some((known) => known.id === id)) return timers
  return timers.length === 1 ? none : timers.filter((known) => known.id !== id)
}
