/**
 * The statechart algorithm on sets of nodes: which transitions exclude each other, what a transition
 * leaves and what it enters. It follows SCXML's, with XState's answers where the two differ, and asks
 * nothing but the machine's shape and what history remembers; so a plan asks it once.
 *
 * @module
 */
import type { AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { ancestorsOf, childrenOf, isAtomic, isDescendant } from './tree.ts'
import type { Remembered } from './tree.ts'

/** The parts of a transition that decide where it leads. */
export type Transition = Pick<AnyTransitionDefinition, 'source' | 'target' | 'reenter' | 'actions'>

type Nodes = readonly AnyStateNode[]

/** Takes out what an inner or an earlier one excludes. */
export function withoutConflicts(
  transitions: readonly Transition[],
  active: ReadonlySet<AnyStateNode>,
  remembered: Remembered,
): readonly Transition[] {
  if (transitions.length < 2) return transitions
  const kept = new Set<Transition>()
  const left = (one: Transition) => leftBy([one], active, remembered)
  for (const one of new Set(transitions)) {
    const beaten: Transition[] = []
    let loses = false
    for (const other of kept) {
      const theirs = new Set(left(other))
      if (!left(one).some((node) => theirs.has(node))) continue
      if (isDescendant(one.source, other.source)) beaten.push(other)
      else {
        loses = true
        break
      }
    }
    if (loses) continue
    for (const other of beaten) kept.delete(other)
    kept.add(one)
  }
  return [...kept]
}

/** What transitions leave, in no order. */
export function leftBy(
  transitions: readonly Transition[],
  active: ReadonlySet<AnyStateNode>,
  remembered: Remembered,
): AnyStateNode[] {
  const left = new Set<AnyStateNode>()
  for (const one of transitions) {
    if (!one.target?.length) continue
    const domain = domainOf(one, remembered)
    if (domain && one.reenter && one.source === domain) left.add(domain)
    for (const node of active) if (isDescendant(node, domain)) left.add(node)
  }
  return [...left]
}

/** What is entered, and for which of it the `initial` of its parent was the reason. */
export interface Entered {
  readonly nodes: Set<AnyStateNode>
  readonly byDefault: Set<AnyStateNode>
}

/** What transitions enter, in no order. */
export function enteredBy(transitions: readonly Transition[], remembered: Remembered): Entered {
  const entered: Entered = { nodes: new Set(), byDefault: new Set() }
  for (const one of transitions) {
    const domain = domainOf(one, remembered)
    for (const target of (one.target ?? []) as Nodes) {
      const isEntered = one.source !== target || one.source !== domain || one.reenter
      if (target.type !== 'history' && isEntered) {
        entered.nodes.add(target)
        entered.byDefault.add(target)
      }
      enterBelow(target, remembered, entered)
    }
    for (const target of targetsOf(one, remembered)) {
      const above = ancestorsOf(target, domain)
      if (domain?.type === 'parallel') above.push(domain)
      const within = !one.source.parent && one.reenter ? undefined : domain
      enterAbove(above, remembered, entered, within)
    }
  }
  return entered
}

function enterBelow(node: AnyStateNode, remembered: Remembered, entered: Entered): void {
  if (node.type === 'history') {
    const known = remembered[node.id]
    const fallback = known ? undefined : defaultOf(node)
    const targets = known ?? (fallback as { readonly target: Nodes }).target
    for (const target of targets) {
      entered.nodes.add(target)
      const parent = node.parent as AnyStateNode
      if (fallback && fallback === parent.initial) entered.byDefault.add(parent)
      enterBelow(target, remembered, entered)
    }
    for (const target of targets) {
      enterAbove(ancestorsOf(target, node.parent), remembered, entered)
    }
  } else if (node.type === 'compound') {
    const [first] = node.initial.target as [AnyStateNode]
    if (first.type !== 'history') {
      entered.nodes.add(first)
      entered.byDefault.add(first)
    }
    enterBelow(first, remembered, entered)
    enterAbove(ancestorsOf(first, node), remembered, entered)
  } else if (node.type === 'parallel') {
    for (const region of childrenOf(node)) {
      if (isEnteredBelow(region, entered)) continue
      entered.nodes.add(region)
      entered.byDefault.add(region)
      enterBelow(region, remembered, entered)
    }
  }
}

function enterAbove(
  above: Nodes,
  remembered: Remembered,
  entered: Entered,
  within?: AnyStateNode,
): void {
  for (const node of above) {
    if (!within || isDescendant(node, within)) entered.nodes.add(node)
    if (node.type !== 'parallel') continue
    for (const region of childrenOf(node)) {
      if (isEnteredBelow(region, entered)) continue
      entered.nodes.add(region)
      enterBelow(region, remembered, entered)
    }
  }
}

const isEnteredBelow = (node: AnyStateNode, { nodes }: Entered): boolean =>
  [...nodes].some((one) => isDescendant(one, node))

/** The innermost state that a transition stays within. Undefined: it leaves the root as well. */
function domainOf(one: Transition, remembered: Remembered): AnyStateNode | undefined {
  const { source, reenter } = one
  const targets = targetsOf(one, remembered)
  const isInside = targets.every((target) => target === source || isDescendant(target, source))
  if (!reenter && isInside) return source
  const [head = source, ...others] = [...targets, source] as AnyStateNode[]
  const common = ancestorsOf(head).find((above) =>
    others.every((other) => isDescendant(other, above)),
  )
  return common ?? (reenter ? undefined : source.machine.root)
}

/** Targets with history nodes replaced by what they stand for. */
function targetsOf(one: Pick<Transition, 'target'>, remembered: Remembered): AnyStateNode[] {
  const found = new Set<AnyStateNode>()
  for (const target of (one.target ?? []) as Nodes) {
    const meant =
      target.type === 'history'
        ? (remembered[target.id] ?? targetsOf(defaultOf(target), remembered))
        : [target]
    for (const node of meant) found.add(node)
  }
  return [...found]
}

/** Where a history node leads while there is no history. */
function defaultOf(node: AnyStateNode): { readonly target: Nodes } {
  const parent = node.parent as AnyStateNode
  const given = node.config.target as string | readonly string[] | undefined
  if (given === undefined || given === '') {
    return parent.type === 'parallel' ? { target: [parent] } : (parent.initial as never)
  }
  return { target: [given].flat().map((path) => nodeAt(parent, path)) }
}

function nodeAt(from: AnyStateNode, path: string): AnyStateNode {
  if (path.startsWith('#')) return from.machine.getStateNodeById(path)
  return path
    .split('.')
    .filter((key) => key !== '')
    .reduce((node, key) => node.states[key] as AnyStateNode, from)
}

/** What history nodes remember once these states are left. The same object when they remember none. */
export function rememberedAfter(
  left: Nodes,
  active: ReadonlySet<AnyStateNode>,
  remembered: Remembered,
): Remembered {
  let after: Record<string, Nodes> | undefined
  for (const node of left) {
    for (const child of Object.values(node.states) as AnyStateNode[]) {
      if (child.type !== 'history') continue
      after ??= { ...remembered }
      after[child.id] = [...active].filter((one) =>
        child.history === 'deep' ? isAtomic(one) && isDescendant(one, node) : one.parent === node,
      )
    }
  }
  return after ?? remembered
}
