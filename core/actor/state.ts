/**
 * What is kept of an actor: its state as plain data, and a change as plain data. A step's record
 * carries the change, so reading an actor back runs none of its code, and a state written by an older
 * version can still be read and migrated.
 *
 * @module
 */
import type { AnyMachineSnapshot } from 'xstate'
import { defined } from '../optional.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Millis } from '../units.ts'
import type { ActorEvent } from './define.ts'
import type { Live } from './program.ts'

/** A delayed event. Its time is wall time, so it means the same after a restart. */
export interface TimerState {
  readonly id: string
  readonly dueMs: Millis
  readonly event: ActorEvent
  /** For whom: a child's id, an address, `#parent`. Absent: the actor itself. */
  readonly to?: string
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

/** The whole of a live state as data. */
export function persisted({ snapshot, timers }: Live): ActorState {
  const history = historyOf(snapshot)
  return defined({
    value: snapshot.value as JsonValue,
    context: snapshot.context as JsonObject,
    status: snapshot.status as 'active' | 'done',
    output: snapshot.output as JsonValue | undefined,
    history,
    timers: timers.length > 0 ? timers : undefined,
  }) as ActorState
}

/** What differs. Contexts are compared by their top keys, which assigns replace and never change. */
export function changeBetween(before: Live, after: Live): Change {
  const change: { -readonly [K in keyof Change]: Change[K] } = {}
  const from = before.snapshot
  const to = after.snapshot
  if (after.timers !== before.timers) change.timers = after.timers
  if (from === to) return change
  if (!same(from.value, to.value)) change.value = to.value as JsonValue
  if (from.context !== to.context) compareContexts(change, from.context, to.context)
  if (to.status === 'done') {
    change.status = 'done'
    if (to.output !== undefined) change.output = to.output as JsonValue
  }
  const history = historyOf(to)
  if (history && !same(history, historyOf(from))) change.history = history
  return change
}

function compareContexts(
  change: { set?: JsonObject; unset?: readonly string[] },
  from: JsonObject,
  to: JsonObject,
): void {
  const set: Record<string, JsonValue> = {}
  const unset: string[] = []
  for (const key of Object.keys(to)) {
    if (to[key] === undefined) {
      if (from[key] !== undefined) unset.push(key)
    } else if (to[key] !== from[key]) set[key] = to[key]
  }
  for (const key of Object.keys(from)) if (!(key in to)) unset.push(key)
  if (Object.keys(set).length > 0) change.set = set
  if (unset.length > 0) change.unset = unset
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

function historyOf(snapshot: AnyMachineSnapshot): History | undefined {
  const kept = snapshot.historyValue as Readonly<Record<string, readonly { id: string }[]>>
  let history: Record<string, readonly string[]> | undefined
  for (const key in kept) (history ??= {})[key] = (kept[key] ?? []).map((node) => node.id)
  return history
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b))
}
