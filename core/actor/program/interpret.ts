/**
 * A program that runs XState's own transition, inside one scope that is used again for every step.
 * XState decides which transitions are taken, what is left and entered, and in which order; what the
 * actions do is ours (`actions.ts`), so that both modes ask for the same things as data.
 *
 * XState keeps its active states in the order in which they were entered, and lets that order decide
 * conflicts, so a restored actor may choose otherwise than it would have alive. Here they are brought
 * into document order after every microstep.
 *
 * @module
 */
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate'
import type { JsonObject, JsonValue } from '../../json.ts'
import type { ActorDef, ActorEvent } from '../define.ts'
import type { ActorState } from '../state.ts'
import type { Op } from './actions.ts'
import { longestStep, without } from './draft.ts'
import type { Draft } from './draft.ts'
import { freezeNew } from './freeze.ts'
import { Lexicon, nodesOf } from './lexicon.ts'
import { none } from './program.ts'
import type { Config, Program, Standing, Step } from './program.ts'
import { xstateSnapshot } from './snapshot.ts'
import { completed, historyOf, rememberedOf, valueOf } from './tree.ts'

/** A snapshot with the fields that XState keeps for itself. */
export type Inner = AnyMachineSnapshot & { _nodes: AnyStateNode[]; value: JsonValue }

class SnapshotConfig implements Config {
  readonly value: JsonValue
  readonly text: string
  readonly tags: ReadonlySet<string>
  readonly status: 'active' | 'done'
  readonly output: JsonValue | undefined
  readonly history: Config['history']
  readonly #snapshot: Inner
  readonly #owner: object

  constructor(snapshot: Inner, owner: object) {
    this.value = snapshot.value
    this.text = JSON.stringify(snapshot.value)
    this.tags = snapshot.tags as ReadonlySet<string>
    this.status = snapshot.status as 'active' | 'done'
    this.output = snapshot.output as JsonValue | undefined
    this.history = historyOf(snapshot.historyValue as never)
    this.#snapshot = snapshot
    this.#owner = owner
  }

  /** The snapshot that a program put into it; undefined for every other program. */
  static of(config: Config, owner: object): Inner | undefined {
    return #snapshot in config && config.#owner === owner ? config.#snapshot : undefined
  }
}

export function interpreted(
  def: ActorDef,
  why: string | undefined,
  lexicon: Lexicon = new Lexicon(def, def.machine.provide({}) as AnyStateMachine),
): Program {
  const { machine, draft } = lexicon
  const owner = {}
  const { maxIterations = longestStep } = machine.options
  machine.options = { ...machine.options, maxIterations: Math.min(longestStep, maxIterations) }
  rewrite(lexicon)
  const scope = scopeOf(lexicon)

  const close = (snapshot: Inner, before?: Standing): Step => {
    if (snapshot.status === 'error') throw snapshot.error
    const known = before && SnapshotConfig.of(before.config, owner)
    sort(snapshot, draft)
    freezeNew(snapshot.context, before?.context, def.durability !== 'volatile')
    const isKnown = before && known && isSame(snapshot, known)
    return {
      config: isKnown ? before.config : new SnapshotConfig(snapshot, owner),
      context: snapshot.context as JsonObject,
      timers: snapshot.status === 'done' ? none : draft.timers,
      asked: draft.asked ?? none,
      logs: draft.logs ?? none,
    }
  }

  const restored = ({ value, status, output, history }: Config | ActorState): Inner => {
    const snapshot = machine.restoreSnapshot(
      { value, status, output, error: undefined, context: {}, children: {} } as never,
      scope as never,
    ) as unknown as Inner
    snapshot.historyValue = rememberedOf(machine.root, history) as never
    return sort(snapshot, draft)
  }

  const step: Program['step'] = (at, event, nowMs, timer) => {
    const timers = timer === undefined ? at.timers : without(at.timers, timer)
    if (at.config.status === 'done') {
      return { config: at.config, context: at.context, timers, asked: none, logs: none }
    }
    const known = SnapshotConfig.of(at.config, owner) ?? restored(at.config)
    const snapshot = known.context === at.context ? known : { ...known, context: at.context }
    draft.open(at.context, event, timers, nowMs)
    return close(machine.transition(snapshot, event, scope as never) as unknown as Inner, at)
  }

  return {
    def,
    mode: 'interpreted',
    why,
    start(input, nowMs) {
      draft.open({}, { type: 'xstate.init', input } as ActorEvent, none, nowMs)
      return close(machine.getInitialSnapshot(scope as never, input) as unknown as Inner)
    },
    step,
    leap: step,
    restore(state) {
      const snapshot = restored(state)
      snapshot.context = state.context
      const { context, timers = none } = state
      return { config: new SnapshotConfig(snapshot, owner), context, timers }
    },
    snapshot: (at) => xstateSnapshot(def.machine, at),
  }
}

/** Nothing in a scope does anything: all there is to do is in the draft. */
function scopeOf({ def, self, draft }: Lexicon): AnyActorScope {
  const nothing = (): void => {}
  return {
    self,
    id: def.type,
    sessionId: '#self',
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: nothing,
    system: {
      // XState says after every microstep where it stands, before it chooses the next one.
      _sendInspectionEvent: (record: { readonly type: string; readonly snapshot?: Inner }) => {
        if (record.type === '@xstate.microstep' && record.snapshot) sort(record.snapshot, draft)
      },
    },
  } as unknown as AnyActorScope
}

/** Puts our actions into a machine of our own, in the places of the written ones. */
function rewrite(lexicon: Lexicon): void {
  const { machine, draft } = lexicon
  const twin = (op: Op) =>
    Object.assign(() => {}, {
      type: 'prov.op',
      resolve(
        _scope: unknown,
        snapshot: Inner,
        args: { readonly event: ActorEvent },
        _params: unknown,
        _action: unknown,
        { internalQueue }: { internalQueue: ActorEvent[] },
      ) {
        draft.context = snapshot.context as JsonObject
        draft.event = args.event
        draft.place = { nodes: snapshot._nodes, value: snapshot.value }
        draft.queue = internalQueue
        draft.touched = false
        op(draft)
        return [draft.touched ? { ...snapshot, context: draft.context } : snapshot]
      },
    })
  const twins = (actions: readonly unknown[]) => actions.map((one) => twin(lexicon.known(one)))
  for (const node of nodesOf(machine.root)) {
    const { begin, end } = lexicon.invoked(node)
    node.entry = [...twins(node.entry), ...begin.map(twin)] as never
    node.exit = [...twins(node.exit), ...end.map(twin)] as never
    Object.defineProperty(node, 'invoke', { value: [] })
    if (node.type === 'compound') node.initial.actions = twins(node.initial.actions) as never
    for (const transition of [...[...node.transitions.values()].flat(), ...(node.always ?? [])]) {
      transition.actions = twins(transition.actions) as never
    }
  }
  const { context } = machine.config
  if (typeof context === 'function') {
    const first = ({ input }: { input: unknown }) =>
      (context as (args: unknown) => unknown)({ input, ...lexicon.birth })
    machine.config = { ...machine.config, context: first as never }
  }
}

/** In document order, and whole: XState loses a state when history is written on the way into it. */
function sort(snapshot: Inner, draft: Draft): Inner {
  const nodes = snapshot._nodes
  const whole = completed(nodes)
  if (whole.length !== nodes.length || whole.some((node, at) => node !== nodes[at])) {
    const known = new Set(nodes)
    const same = whole.length === nodes.length && whole.every((node) => known.has(node))
    if (!same) draft.repaired = true
    nodes.splice(0, nodes.length, ...whole)
    snapshot.value = valueOf(snapshot.machine.root, nodes)
    snapshot.tags = new Set(nodes.flatMap((node) => node.tags))
  }
  return snapshot
}

/** The same configuration, whatever became of the context. */
function isSame(a: Inner, b: Inner): boolean {
  const same = a._nodes === b._nodes && a.historyValue === b.historyValue
  return same && a.status === b.status
}
