/**
 * What is kept of an actor: its state as plain data, and a change as plain data. A step's record
 * carries the change, so reading an actor back runs none of its code, and a state written by an older
 * version can still be read and migrated.
 *
 * @module
 */
import { defined } from '../optional.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { ActorEvent } from './define.ts'
import { none } from './program/program.ts'
import type { Config, Standing } from './program/program.ts'

/** A delayed event. Its time is wall time, so it means the same after a restart. */
export interface TimerState {
  readonly id: string
  readonly dueMs: Millis
  readonly event: ActorEvent
  /** For whom: a child's id, an address, `#parent`. Absent: the actor itself. */
  readonly to?: string
  /** Its whole delay, where an overdue one begins again. */
  readonly delayMs?: Millis
}

/** Ids of nodes by id of the history node that would go back to them. */
export type History = Readonly<Record<string, readonly string[]>>

export interface ActorState {
  readonly value: JsonValue
  readonly context: JsonObject
  readonly status: 'active' | 'done'
  readonly output?: JsonValue
  readonly history?: History
  readonly timers?: readonly TimerState[]
}

/** What a step did to a state. Keys that did not change are left out; `unset` names lost ones. */
export interface Change {
  readonly value?: JsonValue
  readonly set?: JsonObject
  readonly unset?: readonly string[]
  readonly status?: 'done'
  readonly output?: JsonValue
  readonly history?: History
  /** All of them, where none of those before stays. */
  readonly timers?: readonly TimerState[]
  /** What became of them, where some stay: beside many pending ones, one that fires is written alone. */
  readonly timed?: TimersChange
}

export interface TimersChange {
  /** Places, in the list before, of those that are gone. */
  readonly gone?: readonly Count[]
  /** Those that were set: they come last. */
  readonly added?: readonly TimerState[]
}

/** The whole of a standing as data. */
export function persisted({ config, context, timers }: Standing): ActorState {
  return defined({
    value: config.value,
    context,
    status: config.status,
    output: config.output,
    history: config.history,
    timers: timers.length > 0 ? timers : undefined,
  }) as ActorState
}

/** A kept state to look at, to keep again unchanged, or to hand to a program elsewhere. */
export function standingOf(state: ActorState, tags: readonly string[] = none): Standing {
  const { value, context, status, output, history, timers = none } = state
  const config: Config = {
    value,
    text: JSON.stringify(value),
    tags: new Set(tags),
    status,
    output,
    history,
  }
  return { config, context, timers }
}

/** What differs. Contexts are compared by their top keys, which assigns replace and never change. */
export function changeBetween(before: Standing, after: Standing): Change {
  const change: { -readonly [K in keyof Change]: Change[K] } = {}
  const from = before.config
  const to = after.config
  if (after.timers !== before.timers) {
    Object.assign(change, timersBetween(before.timers, after.timers))
  }
  if (from !== to) {
    if (from.text !== to.text) change.value = to.value
    if (to.status === 'done') {
      change.status = 'done'
      if (to.output !== undefined) change.output = to.output
    }
    if (to.history && !same(to.history, from.history)) change.history = to.history
  }
  if (before.context !== after.context) {
    Object.assign(change, contextsBetween(before.context, after.context))
  }
  return change
}

/** What differs between two lists. Right whatever happened; short where those that stay keep their order. */
function timersBetween(
  before: readonly TimerState[],
  after: readonly TimerState[],
): Pick<Change, 'timers' | 'timed'> {
  const gone: Count[] = []
  let stay = 0
  for (let place = 0; place < before.length; place++) {
    if (isSameTimer(before[place] as TimerState, after[stay])) stay++
    else gone.push(place)
  }
  if (stay === 0) return { timers: after }
  const added = after.slice(stay)
  return { timed: { ...(gone.length > 0 && { gone }), ...(added.length > 0 && { added }) } }
}

/** Also of two copies: what is computed elsewhere comes back as one. */
const isSameTimer = (a: TimerState, b: TimerState | undefined): boolean =>
  a === b || (a.id === b?.id && a.dueMs === b.dueMs && same(a, b))

function timersAfter(
  before: readonly TimerState[],
  { gone = none, added = none }: TimersChange,
): readonly TimerState[] {
  const places = new Set<Count>(gone)
  // Mostly it is one: a copy of all others, without a look at each.
  const staying =
    gone.length === 1
      ? before.toSpliced(gone[0] as Count, 1)
      : before.filter((_timer, place) => !places.has(place))
  return [...staying, ...added]
}

/** What differs between two contexts. */
function contextsBetween(from: JsonObject, to: JsonObject): Pick<Change, 'set' | 'unset'> {
  let set: Record<string, JsonValue> | undefined
  let unset: string[] | undefined
  for (const key in to) {
    const value = to[key]
    if (value === from[key]) continue
    if (value === undefined) (unset ??= []).push(key)
    else (set ??= {})[key] = value
  }
  for (const key in from) {
    if (!(key in to) && from[key] !== undefined) (unset ??= []).push(key)
  }
  return { ...(set && { set }), ...(unset && { unset }) }
}

/** The state after a change. */
export function changed(state: ActorState, change: Change): ActorState {
  const { set, unset, timers = state.timers ?? none, timed, ...rest } = change
  let context = state.context
  if (set || unset) {
    const next: Record<string, JsonValue | undefined> = { ...context, ...set }
    for (const key of unset ?? []) delete next[key]
    context = next
  }
  const left = timed ? timersAfter(timers, timed) : timers
  const next = { ...state, ...rest, context, timers: left.length > 0 ? left : undefined }
  return defined(next) as ActorState
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}
