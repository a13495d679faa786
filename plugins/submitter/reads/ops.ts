/**
 * Operations of this workspace, newest first: what was asked, where it stands, what it waits for.
 *
 * @module
 */
import { defined, defineRead, isTerminal, opsModel } from 'prov'
import type { Millis, OpOutcome, OpPhase, OpRow } from 'prov'

export interface OpSummary {
  readonly op: string
  readonly type: string
  readonly target: string
  readonly phase: OpPhase
  readonly outcome?: OpOutcome
  readonly code?: string
  readonly why: string
  /** What it waits for, while it is held. */
  readonly needs?: string
  readonly by: string
  /** Who let it go alone; absent otherwise. */
  readonly glass?: { readonly by: string; readonly reviewed: boolean }
  /** The applied operation that it takes back. */
  readonly compensates?: string
  readonly submittedAt: string
  readonly changedAt: string
  /** Since it was submitted. */
  readonly ageMs: Millis
}

interface OpsArgs {
  readonly phase?: string
  readonly open?: boolean
}

export const read = defineRead<OpsArgs, readonly OpSummary[]>({
  name: 'ops',
  describe: 'operations, newest first; `open`: only those under way, `phase`: only that phase',
  args: ({ phase, open }) => defined({ phase: textOr(phase), open: open === true }),
  async run({ phase, open }, { journal, clock }) {
    const { ops, unreviewed } = await opsModel(journal)
    const waiting = new Set(unreviewed.map(({ op }) => op))
    return [...ops.values()]
      .reverse()
      .filter((row) => phase === undefined || row.phase === phase)
      .filter((row) => !open || !isTerminal(row.phase))
      .map((row) => summaryOf(row, clock.now(), !waiting.has(row.id)))
  },
})

const textOr = (value: unknown) => (typeof value === 'string' ? value : undefined)

function summaryOf(row: OpRow, nowMs: Millis, reviewed: boolean): OpSummary {
  const { id, type, target, phase, outcome, code, why, needs, by, submittedAt, changedAt } = row
  return {
    ...defined({ op: id, type, target, phase, outcome, code, why, by, submittedAt, changedAt }),
    ...(row.glass && { glass: { by: row.glass.by, reviewed } }),
    ...(row.body.compensates !== undefined && { compensates: row.body.compensates }),
    ...(phase === 'held' && needs !== undefined && { needs }),
    ageMs: Math.max(0, nowMs - Date.parse(submittedAt)),
  }
}
