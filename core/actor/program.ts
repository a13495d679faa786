/**
 * How an actor type runs. A program turns (state, event, time) into (next state, what was asked
 * for) and does nothing else: no action is executed, no timer set, nothing is read from outside.
 * This one runs XState's own transition inside one reused scope that only collects.
 *
 * Every state is brought into document order before it is used again, so that an actor that lived
 * through its events and one that was read back from the journal choose alike from then on. Contexts
 * are frozen: an assign that would change the present state in place throws instead.
 *
 * @module
 */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Millis } from '../units.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import { actorErrors } from './errors.ts'
import type { ActorState, TimerState } from './state.ts'

/** State as it is used: XState's snapshot plus the timers that belong to it. */
export interface Live {
  readonly snapshot: AnyMachineSnapshot
  readonly timers: readonly TimerState[]
}

/** An action that the machine named, as data. */
export interface Asked {
  readonly name: string
  readonly params: JsonValue
}

export interface Step {
  readonly live: Live
  readonly asked: readonly Asked[]
  readonly logs: readonly { readonly label?: string; readonly value: unknown }[]
}

/** More microsteps than this in one step is a loop: the step fails instead of never ending. */
const longestStep = 1_000
const none: readonly never[] = []

export class Program {
  readonly def: ActorDef
  readonly #machine: AnyStateMachine
  readonly #scope: AnyActorScope
  readonly #collected: { readonly type: string; readonly params: unknown }[] = []

  /** Throws PROV_ACTOR_UNSUPPORTED when the machine uses what the kernel does not run. */
  constructor(def: ActorDef) {
    this.def = def
    this.#machine = def.machine.provide({}) as AnyStateMachine
    this.#machine.options = {
      ...this.#machine.options,
      maxIterations: Math.min(longestStep, this.#machine.options.maxIterations ?? longestStep),
    }
    const nothing = (): void => {}
    const unsupported = () => unsupportedIn(def.type, 'spawn', 'start it with `system.spawn`')
    this.#scope = {
      self: {
        id: def.type,
        sessionId: def.type,
        get system(): never {
          throw unsupported()
        },
      },
      id: def.type,
      sessionId: def.type,
      logger: nothing,
      defer: nothing,
      emit: nothing,
      stopChild: nothing,
      system: { _sendInspectionEvent: nothing },
      actionExecutor: (action: { type: string; params: unknown }) => this.#collected.push(action),
    } as unknown as AnyActorScope
    judge(def, this.#machine)
  }

  /** The first state. Throws whatever the machine threw. */
  start(input: unknown, nowMs: Millis): Step {
    this.#collected.length = 0
    const snapshot = this.#machine.getInitialSnapshot(this.#scope as never, input)
    return this.#close(snapshot, none, nowMs, undefined)
  }

  /** One event. `timer` names the timer it came from: it is used up. Throws what the machine threw. */
  step(live: Live, event: ActorEvent, nowMs: Millis, timer?: string): Step {
    this.#collected.length = 0
    const snapshot = this.#machine.transition(live.snapshot, event, this.#scope as never)
    const timers =
      timer === undefined ? live.timers : live.timers.filter((known) => known.id !== timer)
    return this.#close(snapshot, timers, nowMs, live.snapshot)
  }

  /** Plain data back to a state. Throws when the machine has no such state. */
  restore(state: ActorState): Live {
    const snapshot = this.#machine.restoreSnapshot(
      {
        status: state.status,
        output: state.output,
        error: undefined,
        value: state.value,
        context: state.context,
        children: {},
        historyValue: Object.fromEntries(
          Object.entries(state.history ?? {}).map(([key, ids]) => [key, ids.map((id) => ({ id }))]),
        ),
      } as never,
      this.#scope as never,
    ) as AnyMachineSnapshot
    return { snapshot: inOrder(snapshot), timers: state.timers ?? none }
  }

  #close(
    snapshot: AnyMachineSnapshot,
    kept: readonly TimerState[],
    nowMs: Millis,
    before: AnyMachineSnapshot | undefined,
  ): Step {
    if (snapshot.status === 'error') throw snapshot.error
    let timers = kept
    let asked: Asked[] | undefined
    let logs: Step['logs'][number][] | undefined
    for (const { type, params } of this.#collected) {
      if (type === 'xstate.raise') {
        const { event, delay, id } = params as { event: ActorEvent; delay?: number; id?: string }
        if (delay === undefined) continue
        const name = id ?? `${event.type}#${timers.length}`
        const timer = { id: name, dueMs: nowMs + delay, event }
        timers = [...timers.filter((known) => known.id !== name), timer]
      } else if (type === 'xstate.cancel') {
        const { sendId } = params as { sendId: string }
        timers = timers.filter((known) => known.id !== sendId)
      } else if (type === 'xstate.log') {
        ;(logs ??= []).push(params as Step['logs'][number])
      } else if (isKnown(this.def, type)) {
        ;(asked ??= []).push({ name: type, params: (params ?? null) as JsonValue })
      } else if (!harmless.has(type)) {
        throw unsupportedAction(this.def.type, type)
      }
    }
    if (snapshot !== before) {
      inOrder(snapshot)
      freeze(snapshot.context, before?.context as JsonObject | undefined)
    }
    if (snapshot.status === 'done') timers = none
    return { live: { snapshot, timers }, asked: asked ?? none, logs: logs ?? none }
  }
}

/** Resolved within the step: by the time we see them, they are done. */
const harmless: ReadonlySet<string> = new Set(['xstate.assign', 'xstate.enqueueActions'])
const understood: ReadonlySet<string> = new Set([
  ...harmless,
  'xstate.raise',
  'xstate.cancel',
  'xstate.log',
])

function isKnown(def: ActorDef, name: string): boolean {
  return name === 'tell' || Object.hasOwn(def.effects, name) || Object.hasOwn(def.records, name)
}

/** Every node of the machine, once, at registration: what cannot work is refused before it is used. */
function judge(def: ActorDef, machine: AnyStateMachine): void {
  const nodes = [machine.root]
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    nodes.push(...Object.values(node.states))
    if (node.invoke.length > 0) {
      throw unsupportedIn(
        def.type,
        `invoke in ${node.id}`,
        'name an action on entry, give it under `effects`, and handle `effect.done.<name>`',
      )
    }
    const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
    const initial = node.type === 'compound' ? node.initial.actions : []
    const actions = [
      ...node.entry,
      ...node.exit,
      ...initial,
      ...transitions.flatMap((transition) => transition.actions),
    ]
    for (const action of actions) judgeAction(def, machine, action)
  }
}

function judgeAction(def: ActorDef, machine: AnyStateMachine, action: unknown): void {
  const name = typeof action === 'string' ? action : (action as { readonly type?: string }).type
  const made = typeof action === 'function' ? action : machine.implementations.actions[name ?? '']
  const builtIn =
    typeof made === 'function' && 'resolve' in made ? (made as { type?: string }).type : undefined
  if (builtIn !== undefined) {
    if (!understood.has(builtIn)) throw unsupportedAction(def.type, builtIn)
  } else if (typeof action === 'function' || name === undefined || !isKnown(def, name)) {
    throw unsupportedAction(def.type, name ?? 'an inline function')
  }
}

const unsupportedIn = (type: string, what: string, instead: string) =>
  actorErrors.PROV_ACTOR_UNSUPPORTED({ type, what, instead })

function unsupportedAction(type: string, name: string) {
  const instead = /sendTo|emit/.test(name)
    ? 'name the action `tell` with params { to, event }'
    : /spawn|stopChild/.test(name)
      ? 'start actors with `system.spawn`'
      : 'give what it does under `effects` or `records` of `defineActor`'
  return unsupportedIn(type, `the action ${name}`, instead)
}

/** XState keeps its active nodes in the order they were entered; priorities must not hang on that. */
function inOrder(snapshot: AnyMachineSnapshot): AnyMachineSnapshot {
  const nodes = (snapshot as unknown as { _nodes: { order: number }[] })._nodes
  for (let at = 1; at < nodes.length; at++) {
    if ((nodes[at - 1] as { order: number }).order > (nodes[at] as { order: number }).order) {
      nodes.sort((a, b) => a.order - b.order)
      break
    }
  }
  return snapshot
}

/** Freezes what is new in a context; what it shares with the one before is frozen already. */
function freeze(value: unknown, before?: JsonObject): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  if (!plain) return
  Object.freeze(value)
  for (const [key, item] of Object.entries(value)) {
    if (before === undefined || item !== before[key]) freeze(item)
  }
}
