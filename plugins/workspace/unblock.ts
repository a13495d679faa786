/**
 * What would open a gate: the smallest set of unmet leaves that makes its tree hold. The tree is
 * monotone (no "not"), so meeting these leaves is enough whatever else stays as it is.
 *
 * @module
 */
import { leafId, partsOf } from '../../policies/index.ts'
import type { Condition, Leaf } from '../../policies/index.ts'

/**
 * Unmet leaves that together open the tree; empty when it holds, undefined when nothing opens it
 * (an empty `any`, an `at_least` beyond its parts). Smallest per part: leaves that several parts
 * share are counted once each, so a tree that shares many may have a smaller set.
 */
export function unblockingSet(
  condition: Condition,
  met: (leaf: Leaf) => boolean,
): readonly Leaf[] | undefined {
  const parts = partsOf(condition)
  if (!parts) return met(condition as Leaf) ? [] : [condition as Leaf]
  const sets = parts.map((part) => unblockingSet(part, met))
  const able = sets.filter((set): set is readonly Leaf[] => set !== undefined)
  const wanted =
    'at_least' in condition ? condition.at_least : 'all' in condition ? parts.length : 1
  if (able.length < wanted) return undefined
  const cheapest = [...able].sort((one, two) => one.length - two.length).slice(0, wanted)
  const once = new Map(cheapest.flat().map((leaf) => [leafId(leaf), leaf]))
  return [...once.values()]
}
