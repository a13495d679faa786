/**
 * What the kernel asks of an actor type's behaviour: (where it stands, event, time) to (where it
 * stands next, what was asked for). Nothing is executed, no timer is set, nothing outside is read.
 *
 * P1  Same standing, same event, same time: same step. Document order decides every conflict, so
 *     live = restored = run again.
 * P2  A throw leaves nothing behind; neither does a step that is thrown away.
 * P3  What is handed out is never changed afterwards. Where an actor keeps its state on disk, its
 *     context is frozen, so that an assign that writes in place throws as well.
 *
 * @module
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Millis } from '../../units.ts'
import type { ActorDef, ActorEvent } from '../define.ts'
import type { ActorState, History, TimerState } from '../state.ts'

/**
 * A configuration: all that does not change while an actor stands in it. Compiled programs hand out
 * one and the same object for one and the same configuration, so comparing is `===`; others make one
 * per step.
 */
export interface Config {
  /** XState's state value. Shared, frozen. */
  readonly value: JsonValue
  /** JSON text of `value`. */
  readonly text: string
  readonly tags: ReadonlySet<string>
  readonly status: 'active' | 'done'
  /** Of a configuration that is done: what the machine gives. */
  readonly output: JsonValue | undefined
  /** What history states would go back to: ids of nodes by id of the history node. */
  readonly history: History | undefined
}

/** Where an actor stands. A cell is one, and so is every step. */
export interface Standing {
  readonly config: Config
  readonly context: JsonObject
  /** Delayed events that are set, oldest first. The same array as long as nothing changed in it. */
  readonly timers: readonly TimerState[]
}

/**
 * An action that was named, as data. Beside names that the definition gives, and `tell`, these are
 * XState's own, for the kernel to do after the commit:
 *
 * - `xstate.spawn` `{ id, src, input?, systemId?, syncSnapshot? }` a child begins (also for `invoke`);
 *   `src` is the name under which the machine knows its logic
 * - `xstate.stop` `{ id }` a child ends
 * - `xstate.send` `{ to, event }` to a child's id, to an address `type/id`, to `#parent` or `#self`
 * - `xstate.emit` `{ event }` to whoever listens with `on`
 *
 * An actor inside data, as `spawn`, `self` and `system.get` give it, is `{ xstate$$type: 1, id }` with
 * such an id.
 */
export interface Asked {
  readonly name: string
  readonly params: JsonValue
}

export interface LogLine {
  readonly label?: string
  readonly value: unknown
}

export interface Step extends Standing {
  /** `none` when nothing was asked for. */
  readonly asked: readonly Asked[]
  readonly logs: readonly LogLine[]
}

/** Shared by everything that is empty, so that empty is told by `===`. */
export const none: readonly never[] = Object.freeze([])

export interface Program {
  readonly def: ActorDef
  /** `compiled`: plans. `interpreted`: XState's own transition. */
  readonly mode: 'compiled' | 'interpreted'
  /** Why it is interpreted, for `prov actors` and the inspector. */
  readonly why: string | undefined
  /** The first step. Throws whatever the machine threw. */
  start(input: unknown, nowMs: Millis): Step
  /** One event. `timer` names the timer it came from: it is used up. Throws what the machine threw. */
  step(at: Standing, event: ActorEvent, nowMs: Millis, timer?: string): Step
  /** The same for who takes it apart at once: the object may be that of the step before. */
  leap(at: Standing, event: ActorEvent, nowMs: Millis, timer?: string): Step
  /** Plain data back to a standing. Throws when the machine has no such state. */
  restore(state: ActorState): Standing
  /** XState's own snapshot of it, for those who speak XState. Cold path. */
  snapshot(at: Standing): AnyMachineSnapshot
}
