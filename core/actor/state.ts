/**
 * What is kept of an actor: its state as plain data, and a change as plain data. A step's record
 * carries the change, so reading an actor back runs none of its code, and a state written by an older
 * version can still be read and migrated.
 *
 * @module
 */
import { defined } from '../optional.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Millis } from '../units.ts'
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
  readonly timers?: readonly TimerState[]
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
  if (after.timers !== before.timers) change.timers = after.timers
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
  const { set, unset, timers, ...rest } = change
  let context = state.context
  if (set || unset) {
    const next: Record<string, JsonValue | undefined> = { ...context, ...set }
    for (const key of unset ?? []) delete next[key]
    context = next
  }
  const next = { ...state, ...rest, context, timers: timers ?? state.timers }
  return defined({ ...next, timers: next.timers?.length ? next.timers : undefined }) as ActorState
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}
