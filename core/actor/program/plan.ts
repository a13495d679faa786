/**
 * A microstep worked out beforehand: for one configuration and the transitions selected in it, the
 * actions in their order and the configuration that follows. What the machine's functions will answer
 * is all that is left open.
 *
 *     exit actions, inside out ─▶ actions of the transitions ─▶ entry actions, outside in ─▶ done?
 *
 * @module
 */
import type { AnyStateNode } from 'xstate'
import type { JsonValue } from '../../json.ts'
import type { ActorEvent } from '../define.ts'
import type { Op } from './actions.ts'
import type { Draft } from './draft.ts'
import type { Lexicon } from './lexicon.ts'
import { enteredBy, leftBy, rememberedAfter, withoutConflicts } from './transitions.ts'
import type { Transition } from './transitions.ts'
import { childrenOf, completed, initialOf, inOrder, isPossible } from './tree.ts'
import type { Remembered } from './tree.ts'

export interface Microstep {
  readonly ops: readonly Op[]
  readonly nodes: readonly AnyStateNode[]
  readonly remembered: Remembered
  /** The machine is done after it. */
  readonly done: boolean
  /** It leads elsewhere, or history was written: XState counts the state as a new one. */
  readonly fresh: boolean
}

interface From {
  readonly nodes: readonly AnyStateNode[]
  readonly remembered: Remembered
}

export function planMicrostep(
  lexicon: Lexicon,
  from: From,
  selected: readonly Transition[],
): Microstep {
  const transitions = withoutConflicts(selected, new Set(from.nodes), from.remembered)
  // Some conflicts show only once history is written: the earlier transitions win those as well.
  for (let count = transitions.length; ; count--) {
    const step = microstep(lexicon, from, transitions.slice(0, count))
    if (count < 2 || isPossible(step.nodes)) return step
  }
}

function microstep(lexicon: Lexicon, from: From, transitions: readonly Transition[]): Microstep {
  const active = new Set(from.nodes)
  const ops: Op[] = []

  const left = leftBy(transitions, active, from.remembered).sort(inOrder).reverse()
  const remembered = rememberedAfter(left, active, from.remembered)
  for (const node of left) {
    ops.push(...lexicon.exitOf(node))
    active.delete(node)
  }
  for (const { actions } of transitions) ops.push(...actions.map((one) => lexicon.known(one)))

  const done = enter(lexicon, enteredBy(transitions, remembered), active, ops)
  const nodes = [...active].sort(inOrder)
  const same =
    nodes.length === from.nodes.length && nodes.every((node) => from.nodes.includes(node))
  return { ops, nodes, remembered, done, fresh: done || !same || remembered !== from.remembered }
}

/** The microstep into the first configuration. */
export function planStart(lexicon: Lexicon): Microstep {
  const { root } = lexicon.machine
  const first = { source: root, target: [...initialOf(root)], reenter: true, actions: [] }
  const active = new Set([root as AnyStateNode])
  const entered = enteredBy([first as Transition], {})
  entered.byDefault.add(root)
  const ops: Op[] = []
  const done = enter(lexicon, entered, active, ops)
  return { ops, nodes: [...active].sort(inOrder), remembered: {}, done, fresh: true }
}

function enter(
  lexicon: Lexicon,
  { nodes, byDefault }: ReturnType<typeof enteredBy>,
  active: Set<AnyStateNode>,
  ops: Op[],
): boolean {
  // XState leaves a state and forgets to enter it again when history is written on the way.
  for (const node of completed([...active, ...nodes])) if (!active.has(node)) nodes.add(node)
  const ended = new Set<AnyStateNode>()
  let done = false
  for (const node of [...nodes].sort(inOrder)) {
    active.add(node)
    ops.push(...lexicon.entryOf(node))
    if (byDefault.has(node)) ops.push(...lexicon.initialOf(node))
    if (node.type !== 'final') continue
    const { parent } = node
    if (parent?.type === 'compound') ops.push(completes(lexicon, parent, node.output))
    let above = parent?.type === 'parallel' ? parent : parent?.parent
    let last = above ?? node
    while (above?.type === 'parallel' && !ended.has(above) && isFinal(active, above)) {
      ended.add(above)
      ops.push(completes(lexicon, above, undefined))
      last = above
      above = above.parent
    }
    if (above) continue
    done = true
    ops.push(finishes(lexicon, last))
  }
  if (done) {
    for (const node of [...active].sort(inOrder).reverse()) ops.push(...lexicon.exitOf(node))
  }
  return done
}

/** Whether a state has come to its end. */
function isFinal(active: ReadonlySet<AnyStateNode>, node: AnyStateNode): boolean {
  if (node.type === 'compound') {
    return childrenOf(node).some((child) => child.type === 'final' && active.has(child))
  }
  if (node.type === 'parallel') return childrenOf(node).every((child) => isFinal(active, child))
  return node.type === 'final'
}

function completes(lexicon: Lexicon, node: AnyStateNode, output: unknown): Op {
  const type = `xstate.done.state.${node.id}`
  return (draft) => {
    const event = { type, output: outputOf(lexicon, draft, output, draft.event) }
    draft.queue.push(event)
  }
}

function finishes(lexicon: Lexicon, last: AnyStateNode): Op {
  const { output } = lexicon.machine.root
  if (output === undefined) {
    return (draft) => {
      draft.output = undefined
    }
  }
  const type = `xstate.done.state.${last.id}`
  return (draft) => {
    const inner = last.parent ? outputOf(lexicon, draft, last.output, draft.event) : undefined
    const event = { type, output: inner } as ActorEvent
    draft.output = outputOf(lexicon, draft, output, event) as JsonValue | undefined
  }
}

function outputOf(lexicon: Lexicon, draft: Draft, given: unknown, event: ActorEvent): unknown {
  if (typeof given !== 'function') return given
  return given({ context: draft.context, event, self: lexicon.self })
}
