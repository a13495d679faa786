/**
 * Conditions as data: what must hold for a gate to be open, as a tree of `all`, `any` and `at_least`
 * over leaves. Never an opaque callback, so that a machine can keep the truth per leaf and `prov why`
 * can compute what would open it.
 *
 *     { all = [ { dimension = "observability", at = ["full_stack"] }, { capability = "dns" } ] }
 *     { at_least = 2, of = [ … ] }        { any = [ … ] }
 *
 * Leaves are facts about the workspace; their ids are texts that a person can read and an index can
 * be keyed by. The tree is monotone (there is no "not"): more facts never close a gate.
 *
 * @module
 */

/** One fact that is true or false now. */
export type Leaf =
  /** The dimension stands at one of these states. */
  | { readonly dimension: string; readonly at: readonly string[] }
  /** Something that this workspace provides, or was given by an op. */
  | { readonly capability: string }
  /** Another gate is open. */
  | { readonly gate: string }
  /** At most so many dimensions at a state of high tension. */
  | { readonly max_tension_dimensions: number }
  /** At most so many dimensions off their goal with an unblocked way on. */
  | { readonly pending_transitions: number }
  /** Every axiom of the core stands as an invariant. */
  | { readonly core_stable: true }

export type Condition =
  | Leaf
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly at_least: number; readonly of: readonly Condition[] }

export type GateStatus = 'open' | 'partial' | 'closed'

const ids = new WeakMap<Leaf, string>()

/** The id of a leaf: equal leaves of different gates share it. */
export function leafId(leaf: Leaf): string {
  let id = ids.get(leaf)
  if (id === undefined) {
    id = textOfLeaf(leaf)
    ids.set(leaf, id)
  }
  return id
}

function textOfLeaf(leaf: Leaf): string {
  if ('dimension' in leaf) return `${leaf.dimension} at ${leaf.at.join(' or ')}`
  if ('capability' in leaf) return `capability ${leaf.capability}`
  if ('gate' in leaf) return `gate ${leaf.gate} open`
  if ('max_tension_dimensions' in leaf) {
    return `at most ${leaf.max_tension_dimensions} dimensions in high tension`
  }
  if ('pending_transitions' in leaf) {
    return `at most ${leaf.pending_transitions} pending transitions`
  }
  return 'core stable'
}

/** Every leaf of a tree, once, in reading order. */
export function leavesOf(condition: Condition): readonly Leaf[] {
  const seen = new Map<string, Leaf>()
  const visit = (node: Condition): void => {
    const parts = partsOf(node)
    if (parts) parts.forEach(visit)
    else if (!seen.has(leafId(node as Leaf))) seen.set(leafId(node as Leaf), node as Leaf)
  }
  visit(condition)
  return [...seen.values()]
}

/** True when the tree holds. A leaf that nobody has answered is false: gates fail closed. */
export function holds(condition: Condition, met: (leaf: string) => boolean): boolean {
  if ('all' in condition) return condition.all.every((part) => holds(part, met))
  if ('any' in condition) return condition.any.some((part) => holds(part, met))
  if ('at_least' in condition) {
    let left = condition.at_least
    if (left <= 0) return true
    for (const part of condition.of) {
      if (holds(part, met) && --left === 0) return true
    }
    return false
  }
  return met(leafId(condition))
}

/** Open: the tree holds. Partial: it does not, but some leaf does (D-47). Closed: none does. */
export function statusOf(condition: Condition, met: (leaf: string) => boolean): GateStatus {
  if (holds(condition, met)) return 'open'
  return leavesOf(condition).some((leaf) => met(leafId(leaf))) ? 'partial' : 'closed'
}

/** The parts of an inner node, undefined for a leaf. */
export function partsOf(condition: Condition): readonly Condition[] | undefined {
  if ('all' in condition) return condition.all
  if ('any' in condition) return condition.any
  return 'at_least' in condition ? condition.of : undefined
}

/** The tree on one line: "a and (b or c)", "2 of (a, b, c)". */
export function conditionText(condition: Condition): string {
  return textOf(condition, { nested: false })
}

function textOf(condition: Condition, { nested }: { readonly nested: boolean }): string {
  const parts = partsOf(condition)
  if (!parts) return leafId(condition as Leaf)
  if (parts.length === 1 && !('at_least' in condition)) {
    return textOf(parts[0] as Condition, { nested })
  }
  const texts = parts.map((part) => textOf(part, { nested: true }))
  if ('at_least' in condition) return `${condition.at_least} of (${texts.join(', ')})`
  if (texts.length === 0) return 'all' in condition ? 'nothing' : 'something impossible'
  const line = texts.join('all' in condition ? ' and ' : ' or ')
  return nested ? `(${line})` : line
}
