/**
 * Quorums drawn by chance, and an oracle for them that knows no algorithm: it reads the sentence of each
 * rule and tries every way to seat people.
 *
 * @module
 */
import type { Need, QuorumTree } from '../../policies/quorum.ts'

export const groups = ['ops', 'sec', 'dev', 'lead']

/** What is drawn with these numbers. */
export function drawer(next: (below: number) => number) {
  const one = <T>(from: readonly T[]): T => from[next(from.length)] as T
  const some = <T>(from: readonly T[]): readonly T[] => from.filter(() => next(2) === 1)
  const several = <T>(most: number, make: () => T): readonly T[] =>
    Array.from({ length: 1 + next(most) }, make)

  function need(): Need {
    const from = some(groups)
    return { at_least: 1 + next(3), ...(from.length > 0 && { from }) }
  }

  function tree(depth: number): QuorumTree {
    const shape = depth === 0 ? 'at_least' : one(['at_least', 'all', 'any', 'distinct'] as const)
    if (shape === 'at_least') return need()
    if (shape === 'distinct') return { distinct: several(3, need) }
    const parts = several(3, () => tree(depth - 1))
    return shape === 'all' ? { all: parts } : { any: parts }
  }
  return { one, some, several, tree }
}

/** Who agreed, and the groups they are of. */
export type People = ReadonlyMap<string, readonly string[]>

const fits = ({ from }: Need, of: readonly string[]): boolean =>
  from === undefined || of.some((group) => from.includes(group))

/** Every way to choose so many of them. */
function* choices(
  people: readonly string[],
  count: number,
): Generator<readonly string[], void, void> {
  if (count === 0) {
    yield []
    return
  }
  for (const [at, person] of people.entries()) {
    for (const rest of choices(people.slice(at + 1), count - 1)) yield [person, ...rest]
  }
}

/** Is there a way to seat people on all these needs, nobody on two? */
function seats(needs: readonly Need[], people: People): boolean {
  const [first, ...others] = needs
  if (!first) return true
  const fitting = [...people].filter(([, of]) => fits(first, of)).map(([person]) => person)
  for (const chosen of choices(fitting, first.at_least)) {
    const left = new Map([...people].filter(([person]) => !chosen.includes(person)))
    if (seats(others, left)) return true
  }
  return false
}

/** Is that enough? */
export function holds(rule: QuorumTree, people: People): boolean {
  if ('all' in rule) return rule.all.every((part) => holds(part, people))
  if ('any' in rule) return rule.any.some((part) => holds(part, people))
  return seats('distinct' in rule ? rule.distinct : [rule], people)
}
