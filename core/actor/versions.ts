/**
 * Versions of an actor type: what a machine looks like as one short text, and how what an older one
 * wrote is read by a newer one. Code is not compared, structure is: states, transitions, and the names
 * of guards, actions and delays, in document order.
 *
 * Events and timers carry no version of their own. The journal says once when a type became another
 * one (`actor.type`), so the place of a record tells which version wrote it.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { AnyStateMachine } from 'xstate'
import { messageOf } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import type { ActorDef, ActorEvent, PersistedState } from './define.ts'
import { actorErrors } from './errors.ts'
import type { Parked, Stored } from './ledger.ts'
import { freezeNew } from './program/freeze.ts'
import type { ActorState, TimerState } from './state.ts'

/** One step up for an event: from the version it stands under to the next one. */
export type Upcast = (event: ActorEvent) => ActorEvent

/** What a type was when something was written. */
export interface TypeMark {
  readonly version: Count
  readonly fingerprint: string
}

type AnyNode = AnyStateMachine['root']

/**
 * 16 hex digits over the structure of a machine. Equal for two machines that differ in nothing but
 * code; another one as soon as a state, a transition or a name is added, removed, renamed or moved.
 */
export function fingerprint(machine: AnyStateMachine): string {
  const text = JSON.stringify(shapeOf(machine.root))
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function shapeOf(node: AnyNode): unknown {
  const { key, type, history, tags, entry, exit, invoke, states } = node
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
  return [
    key,
    type,
    history || null,
    [...tags],
    type === 'compound' ? targetsOf(node.initial) : null,
    names(entry),
    names(exit),
    invoke.map(({ id, src }) => [id, nameOf(src)]),
    transitions.map((each) => [
      each.eventType,
      targetsOf(each),
      each.guard === undefined ? null : nameOf(each.guard),
      names(each.actions),
      each.reenter === true,
    ]),
    Object.values(states).map(shapeOf),
  ]
}

const targetsOf = ({ target }: { readonly target?: readonly { id: string }[] | undefined }) =>
  (target ?? []).map(({ id }) => id)

const names = (all: readonly unknown[]): readonly unknown[] => all.map(nameOf)

/** What a guard, an action or an actor is called; code without a name is all alike. */
function nameOf(named: unknown): unknown {
  if (typeof named === 'string') return named
  if (typeof named !== 'object' && typeof named !== 'function') return String(named)
  const { type, guards } = (named ?? {}) as { type?: unknown; guards?: readonly unknown[] }
  // `and`, `or` and `not` are functions that hold the guards they combine.
  if (guards) return [(named as { readonly name?: string }).name ?? '', ...names(guards)]
  return typeof type === 'string' ? type : 'inline'
}

/**
 * A kept state in the shape of the present version, with the timers and the event it stands parked at.
 * The same object when nothing had to change. Throws PROV_ACTOR_VERSION_UNKNOWN when there is no way
 * up, PROV_ACTOR_EVENT_UNREADABLE, what a migration threw, or TypeError when it gave no state.
 */
export function climb<S extends Stored & { readonly state: ActorState }>(
  def: ActorDef,
  actor: S,
): S {
  const { address, version, parked } = actor
  if (version === def.version) return actor
  let state: PersistedState = { value: actor.state.value, context: actor.state.context }
  for (let at = version; at !== def.version; at++) {
    const step = def.migrate[at]
    if (!step || at > def.version) {
      const detail = { address, found: version, known: def.version }
      throw actorErrors.PROV_ACTOR_VERSION_UNKNOWN(detail)
    }
    // A copy of its own: one that writes in place and then throws has changed nothing that is kept.
    state = stateFrom(step(structuredClone(state)), def, at)
  }
  const timers = actor.state.timers?.map((timer) => climbTimer(def, timer, version, address))
  return {
    ...actor,
    version: def.version,
    state: { ...actor.state, ...state, ...(timers && { timers }) },
    ...(parked && { parked: climbParked(def, parked, version, address) }),
  }
}

/** What a migration gave, looked at: that it is a state, and one that a journal keeps. */
function stateFrom(given: unknown, { type, durability }: ActorDef, from: Count): PersistedState {
  const { value, context, then } = Object(given) as Partial<PersistedState> & { then?: unknown }
  const gave = (what: string) =>
    new TypeError(`\`migrate\` from version ${from} of ${type} gave ${what}`)
  if (typeof then === 'function') {
    // Waited for, it could keep a start waiting for ever.
    Promise.resolve(given).catch(() => {})
    throw gave('a promise')
  }
  if (typeof value !== 'string' && !isObject(value)) throw gave('no `value`')
  if (!isObject(context)) throw gave('no `context`')
  freezeNew(context, undefined, durability !== 'volatile')
  return { value, context }
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Also what it stood parked at before a version came that could not read it. */
function climbParked(def: ActorDef, parked: Parked, from: Count, address: string): Parked {
  const { event, before } = parked
  return {
    ...parked,
    ...(event && { event: upcast(def, event, from, address) }),
    ...(before && { before: climbParked(def, before, from, address) }),
  }
}

/** An `after` is cancelled by the type of its event, so its id goes along. */
function climbTimer(def: ActorDef, timer: TimerState, from: Count, address: string): TimerState {
  const event = upcast(def, timer.event, from, address)
  if (event === timer.event) return timer
  return { ...timer, event, id: timer.id === timer.event.type ? event.type : timer.id }
}

/**
 * An event that was written under version `from`, as the present version understands it. Versions
 * without a step leave it as it is; without `from` it is of the present one. Throws
 * PROV_ACTOR_EVENT_UNREADABLE when it is of a later version, or its step fails.
 */
export function upcast(
  def: ActorDef,
  event: ActorEvent,
  from: Count | undefined,
  address: string,
): ActorEvent {
  if (from === undefined || from === def.version) return event
  const unreadable = (what: string, cause?: unknown) =>
    actorErrors.PROV_ACTOR_EVENT_UNREADABLE(
      { address, event: event.type, found: from, known: def.version, what },
      { cause },
    )
  if (from > def.version) throw unreadable(`it is of version ${from}`)
  let risen = event
  for (let at = from; at < def.version; at++) {
    try {
      const step = def.upcast[at]
      // What was told stays as it was told.
      if (step) risen = step(structuredClone(risen))
    } catch (thrown) {
      throw unreadable(messageOf(thrown), thrown)
    }
    if (typeof risen?.type !== 'string')
      throw unreadable(`\`upcast\` from version ${at} gave no event`)
  }
  return risen
}
