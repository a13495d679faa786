/** The controller at a glance: what runs, what waits for a person, what was set aside. @module */
import { defineRead, opPhases, opsModel } from 'prov'
import type { Count, OpPhase } from 'prov'
import { readLetters } from '../letters.ts'
import type { Letter } from '../letters.ts'

export interface ControllerView {
  /** Operations by phase; those that nobody is in are 0. */
  readonly phases: Readonly<Record<OpPhase, Count>>
  /** What each claimed operation holds until its end is known, oldest first. */
  readonly claimed: readonly {
    readonly op: string
    readonly phase: OpPhase
    readonly writes: readonly string[]
    readonly since: string
  }[]
  /** Newest number of the keeper that was seen; null before the first one. */
  readonly lastSeq: { readonly epoch: Count; readonly seq: Count } | null
  /** The newest hundred refusals that are no operation's end, counted. */
  readonly refusals: Count
  readonly letters: readonly Omit<Letter, 'body'>[]
}

export const read = defineRead<void, ControllerView>({
  name: 'controller',
  describe: 'what is claimed and held, what is in doubt, dead letters, counts by phase',
  async run(_, { journal }) {
    const { ops, open, highest, refusals } = await opsModel(journal)
    const counts = Object.fromEntries(opPhases.map((phase) => [phase, 0])) as Record<OpPhase, Count>
    for (const { phase } of ops.values()) counts[phase]++
    const { keeperEpoch: epoch, seq } = highest
    return {
      phases: counts,
      claimed: [...open.values()]
        .filter(({ phase }) => phase === 'claimed' || phase === 'applying' || phase === 'in_doubt')
        .map(({ id, phase, writes = [], changedAt }) => ({
          op: id,
          phase,
          writes,
          since: changedAt,
        })),
      lastSeq: seq === 0 ? null : { epoch, seq },
      refusals: refusals.reduce((sum, { count }) => sum + count, 0),
      letters: [...(await readLetters(journal)).values()].map(({ body: _, ...letter }) => letter),
    }
  },
})
