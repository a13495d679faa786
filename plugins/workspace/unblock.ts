/**
 * What would open a gate: the smallest set of unmet leaves that makes its tree hold. The tree is
 * monotone (no "not"), so meeting these leaves is enough whatever else stays as it is.
 *
 * @module
 */
import { holds, leafId, leavesOf, partsOf } from '../../policies/index.ts'
import type { Condition, Leaf } from '../../policies/index.ts'

/** Sets looked at before the search for a smaller one is given up: a few milliseconds. */
const patience = 20_000

/**
 * Unmet leaves that together open the tree; empty when it holds, undefined when nothing opens it
 * (an empty `any`, an `at_least` beyond its parts). The smallest there is; only beyond `patience`
 * sets, in trees whose parts share many leaves, it may be one that is merely small.
 */
export function unblockingSet(
  condition: Condition,
  met: (leaf: Leaf) => boolean,
): readonly Leaf[] | undefined {
  const small = cheapest(condition, met)
  if (!small || small.length < 2) return small
  // Leaves that several parts share may make a smaller set than the sum of the cheapest parts.
  const unmet = leavesOf(condition).filter((leaf) => !met(leaf))
  const truth = new Set(leavesOf(condition).filter(met).map(leafId))
  let left = patience
  for (let size = 1; size < small.length; size++) {
    for (const set of subsets(unmet, size)) {
      if (left-- <= 0) return small
      const chosen = new Set(set.map(leafId))
      if (holds(condition, (id) => truth.has(id) || chosen.has(id))) return set
    }
  }
  return small
}

/** The cheapest parts, each by itself. */
function cheapest(condition: Condition, met: (leaf: Leaf) => boolean): readonly Leaf[] | undefined {
  const parts = partsOf(condition)
  if (!parts) return met(condition as Leaf) ? [] : [condition as Leaf]
  const able = parts
    .map((part) => cheapest(part, met))
    .filter((set): set is readonly Leaf[] => set !== undefined)
  const wanted =
    'at_least' in condition ? condition.at_least : 'all' in condition ? parts.length : 1
  if (able.length < wanted) return undefined
  const chosen = able.sort((one, two) => one.length - two.length).slice(0, wanted)
  return [...new Map(chosen.flat().map((leaf) => [leafId(leaf), leaf])).values()]
}

function* subsets<T>(items: readonly T[], size: number, from = 0): Generator<readonly T[]> {
  if (size === 0) {
    yield []
    return
  }
  for (let at = from; at <= items.length - size; at++) {
    for (const rest of subsets(items, size - 1, at + 1)) yield [items[at] as T, ...rest]
  }
}
