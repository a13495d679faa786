/**
 * Sets of active states as XState's trees of names, and back.
 *
 * @module
 */
import type { AnyStateNode } from 'xstate'
import type { JsonObject, JsonValue } from '../../json.ts'
import type { History } from '../state.ts'

/** What history nodes remember: nodes by id of the history node. */
export type Remembered = Readonly<Record<string, readonly AnyStateNode[]>>

export const isAtomic = (node: AnyStateNode): boolean =>
  node.type === 'atomic' || node.type === 'final'

/** Document order: what stands first in the machine's text comes first. */
export const inOrder = (a: AnyStateNode, b: AnyStateNode): number => a.order - b.order

export function isDescendant(node: AnyStateNode, of: AnyStateNode | undefined): boolean {
  let marker = node
  while (marker.parent && marker.parent !== of) marker = marker.parent
  return marker.parent === of
}

export const childrenOf = (node: AnyStateNode): AnyStateNode[] =>
  (Object.values(node.states) as AnyStateNode[]).filter((child) => child.type !== 'history')

/** Ancestors from the inside out, up to but without `upTo`. */
export function ancestorsOf(node: AnyStateNode, upTo?: AnyStateNode): AnyStateNode[] {
  const found: AnyStateNode[] = []
  if (node === upTo) return found
  for (let at = node.parent; at && at !== upTo; at = at.parent) found.push(at)
  return found
}

/** The state value of active nodes in document order. */
export function valueOf(root: AnyStateNode, nodes: Iterable<AnyStateNode>): JsonValue {
  const all = completed(nodes)
  const children = new Map<AnyStateNode, AnyStateNode[]>()
  for (const node of all) {
    if (node.parent) children.set(node.parent, [...(children.get(node.parent) ?? []), node])
  }
  const value = (node: AnyStateNode): JsonValue => {
    const inside = children.get(node) ?? []
    const [first] = inside
    if (node.type === 'compound' && first && isAtomic(first)) return first.key
    return Object.fromEntries(inside.map((child) => [child.key, value(child)]))
  }
  return value(root)
}

/** Whether no state has two active children of which only one can be. */
export function isPossible(nodes: readonly AnyStateNode[]): boolean {
  return possible(nodes).length === nodes.length
}

/** Where two exclude each other, the earlier one in the document stays. */
function possible(nodes: Iterable<AnyStateNode>): AnyStateNode[] {
  const taken = new Set<AnyStateNode>()
  const gone = new Set<AnyStateNode>()
  return [...new Set(nodes)].sort(inOrder).filter((node) => {
    const { parent } = node
    if (!parent) return true
    const isSecond = parent.type === 'compound' && taken.has(parent)
    if (isSecond || gone.has(parent)) gone.add(node)
    else taken.add(parent)
    return !gone.has(node)
  })
}

/** With what must be active beside them: all parents above, initial states below. */
export function completed(nodes: Iterable<AnyStateNode>): AnyStateNode[] {
  const all = new Set(possible(nodes))
  for (const node of all) if (node.parent) all.add(node.parent)
  const parents = new Set([...all].map((node) => node.parent))
  for (const node of all) {
    const isOpen = node.type === 'parallel' || (node.type === 'compound' && !parents.has(node))
    if (!isOpen) continue
    const below = node.type === 'parallel' ? childrenOf(node) : [firstOf(node)]
    for (const child of below) {
      if (!all.has(child)) for (const initial of initialOf(child)) all.add(initial)
    }
  }
  return [...all].sort(inOrder)
}

/** The active states that a value names. Throws when the machine has no such state. */
export function nodesOfValue(root: AnyStateNode, value: JsonValue): AnyStateNode[] {
  const found = [root]
  const visit = (node: AnyStateNode, inside: JsonValue): void => {
    const parts = typeof inside === 'string' ? { [inside]: {} } : (inside as JsonObject)
    for (const [key, part] of Object.entries(parts)) {
      const child = node.states[key] as AnyStateNode | undefined
      if (!child) throw new Error(`the state ${[...node.path, key].join('.')} does not exist`)
      found.push(child)
      visit(child, part as JsonValue)
    }
  }
  visit(root, value)
  return completed(found)
}

/** The states that are active when this one is entered and nothing else is said. */
export function initialOf(node: AnyStateNode): Set<AnyStateNode> {
  const found = new Set<AnyStateNode>()
  const visit = (at: AnyStateNode): void => {
    if (found.has(at)) return
    found.add(at)
    if (at.type === 'compound') visit(firstOf(at))
    else if (at.type === 'parallel') childrenOf(at).forEach(visit)
  }
  visit(node)
  return found
}

const firstOf = (node: AnyStateNode): AnyStateNode =>
  (node.initial.target as readonly AnyStateNode[])[0] as AnyStateNode

export function historyOf(remembered: Remembered): History | undefined {
  let history: Record<string, readonly string[]> | undefined
  for (const key in remembered) {
    ;(history ??= {})[key] = (remembered[key] ?? []).map(({ id }) => id)
  }
  return history
}

/** Nodes that the machine no longer has are left out. */
export function rememberedOf(root: AnyStateNode, history: History | undefined): Remembered {
  const remembered: Record<string, readonly AnyStateNode[]> = {}
  for (const [key, ids] of Object.entries(history ?? {})) {
    const nodes = ids.flatMap((id) => nodesById(root).get(id) ?? [])
    if (nodes.length > 0) remembered[key] = nodes
  }
  return remembered
}

const nodesById = (root: AnyStateNode): ReadonlyMap<string, AnyStateNode> =>
  (root.machine as unknown as { readonly idMap: ReadonlyMap<string, AnyStateNode> }).idMap
