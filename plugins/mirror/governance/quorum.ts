/**
 * Who agreed to a step of main. A signature agrees to the whole tree that it is over: so the delegates
 * count who signed, on top of what main was, the very tree that main became. One makes the change, the
 * next merges it as it is; a third signs an empty commit on the branch before.
 *
 *     main  ●──────────────●  bob merges, tree T      2 of N agreed to T
 *            ╲            ╱
 *             ●──────────●    alice, tree T
 *
 * An old signature for the same tree does not count: it was given for another main; nor does one that its
 * giver replaced by another commit on top of it.
 *
 * @module
 */
import type { Count } from 'prov'
import type { Commit, Step } from './history.ts'
import type { Signers } from './signers.ts'

/** Names of the delegates who agreed. `signer` tells whose signature a commit bears. */
export function agreedTo(
  { commit: step, before, came }: Step,
  signer: (commit: Commit) => string | undefined,
): readonly string[] {
  const within = new Map(came.map((commit) => [commit.id, commit]))
  const names = new Map(came.map((commit) => [commit.id, signer(commit)]))
  const reaches = (start: Commit, id: string): boolean => {
    const waiting = [start]
    const met = new Set<string>()
    for (let at = waiting.pop(); at; at = waiting.pop()) {
      for (const parent of at.parents) {
        if (parent === id) return true
        const next = within.get(parent)
        if (!next || met.has(parent)) continue
        met.add(parent)
        waiting.push(next)
      }
    }
    return false
  }
  const tookBack = ({ id }: Commit): boolean =>
    came.some((later) => names.get(later.id) === names.get(id) && reaches(later, id))
  const agreed = came
    .filter((commit) => commit.tree === step.tree && names.get(commit.id) !== undefined)
    .filter((commit) => before !== undefined && reaches(commit, before) && !tookBack(commit))
    .map(({ id }) => names.get(id) as string)
  return [...new Set(agreed)].sort()
}

/**
 * How many it takes: the threshold; for a change of the delegates themselves a majority of them as
 * well, as Radicle asks for; in production never one alone, whatever an older file said.
 */
export function neededFor(
  { threshold = 1, delegates }: Signers,
  options: { readonly changesSigners: boolean; readonly production: boolean },
): Count {
  const majority = options.changesSigners ? Math.floor(delegates.length / 2) + 1 : 1
  return Math.max(threshold, majority, options.production ? productionLeast : 1)
}

/** One person alone decides nothing. */
export const productionLeast: Count = 2
