/**
 * How an operation stands when a command returns: the data that `--json` prints, the exit code that
 * scripts read (D-1) and the lines that say what to do next.
 *
 * @module
 */
import { defined, errorTable, exitCodes, fields, outcomeOf } from 'prov'
import type { Cell, OpOutcome, OpPhase, OpRow, Paint } from 'prov'

export interface OpStanding {
  readonly op: string
  readonly type: string
  readonly target: string
  readonly phase: OpPhase
  /** Absent while it is under way. */
  readonly outcome?: OpOutcome
  readonly code?: string
  readonly why: string
  readonly moves: readonly string[]
  /** Commands that make sense now. */
  readonly next: readonly string[]
}

export function standingOf(row: OpRow): OpStanding {
  const { id, type, target, phase, code, why } = row
  const outcome = outcomeOf(phase)
  const moves = (row.moves ?? []).map(({ dimension, from, to }) => `${dimension} ${from} → ${to}`)
  return {
    ...defined({ op: id, type, target, phase, outcome, code, why }),
    moves,
    next: nextOf(row),
  }
}

/** What a person can do about an operation now. */
export function nextOf(row: OpRow): readonly string[] {
  const { id, phase, remedy } = row
  if (phase === 'held') {
    return [`prov op approve ${id} --actor <another person>`, `prov op reject ${id} --reason "…"`]
  }
  if (phase === 'in_doubt') {
    return [`prov op resolve ${id} --as applied|failed --reason "…" --actor <another person>`]
  }
  if (phase === 'applied') return ['prov state', 'prov gates']
  // What the step itself said is the first thing to read; it is in a file, never in the journal.
  const log = phase === 'failed' ? row.detail?.['log'] : undefined
  const read = typeof log === 'string' ? [`less ${log}`] : []
  if (remedy !== undefined) return [...read, remedy]
  return phase === 'failed' ? [...read, `prov op show ${id}`] : []
}

/** 0 applied or under way, 1 failed, 5 held, 8 unknown; a refusal exits as its code says. */
export function exitCodeOf({ outcome, code }: OpStanding): number {
  if (outcome === undefined || outcome === 'applied') return 0
  if (outcome === 'failed') return exitCodes.fail
  if (outcome === 'held') return exitCodes.held
  if (outcome === 'unknown') return exitCodes.unknown
  const row = code === undefined ? undefined : errorTable().get(code)
  if (row) return exitCodes[row.disposition]
  return outcome === 'expired' ? exitCodes.retry : exitCodes.refuse
}

/** A phase in its colour. */
export function phaseCell(phase: OpPhase, paint: Paint): Cell {
  if (phase === 'applied') return [phase, paint.good]
  if (phase === 'failed' || phase === 'refused') return [phase, paint.bad]
  if (phase === 'held' || phase === 'in_doubt') return [phase.replace('_', ' '), paint.warn]
  return phase === 'withdrawn' || phase === 'expired' ? [phase, paint.dim] : phase
}

export function standingLines(
  standing: OpStanding,
  paint: Paint,
  format: 'text' | 'md',
): readonly string[] {
  const { op, type, target, phase, code, why, moves, next } = standing
  return [
    ...fields(
      [
        ['op', [op, paint.bold]],
        ['what', `${type} ${target}`],
        ['phase', phaseCell(phase, paint)],
        ['why', why],
        ['code', code === undefined ? undefined : [code, paint.bad]],
        ['moved', moves.length === 0 ? undefined : [moves.join(', '), paint.good]],
        ['next', next.length === 0 ? undefined : next.join('\n')],
      ],
      { paint, format },
    ),
  ]
}
