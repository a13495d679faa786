/**
 * The kill matrix: at which named points which process is killed, and at which pass. One life of a
 * process passes some points as often as it has operations, others only once or twice; the passes of
 * a row are those that can be reached.
 *
 * @module
 */
import type { CrashPoint } from '../../core/protocol/crash.ts'

export interface Cell {
  readonly point: CrashPoint
  readonly pass: number
  /** Operations come one after the other: then the point is passed for each. */
  readonly inTurn: boolean
}

interface Row {
  readonly points: readonly CrashPoint[]
  readonly passes?: readonly number[]
  readonly inTurn?: true
}

const cellsOf = (rows: readonly Row[]): readonly Cell[] =>
  rows.flatMap(({ points, passes = [1, 5, 10], inTurn = false }) =>
    points.flatMap((point) => passes.map((pass) => ({ point, pass, inTurn }))),
  )

const common: readonly Row[] = [
  { points: ['submit', 'inbox', 'judged', 'approved', 'claim'] },
  { points: ['effect.started', 'effect.done', 'result'] },
  { points: ['mirrored'], inTurn: true },
  { points: ['file.written', 'file.named'], passes: [1, 2, 3] },
  { points: ['noted', 'close', 'closed'], passes: [1] },
]

/** All planes in one process, over the journal alone. */
export const embedded = cellsOf(common)

/** All planes in one process, over a server. */
export const served = cellsOf([...common, { points: ['sent'] }])

export interface PlaneCell extends Cell {
  readonly plane: 'keeper' | 'controller' | 'mirror'
}

const ofPlane = (plane: PlaneCell['plane'], ...rows: readonly Row[]): readonly PlaneCell[] =>
  cellsOf(rows).map((cell) => ({ ...cell, plane }))

/** Each plane in a process of its own; the submitter is `submitting`. */
export const apart: readonly PlaneCell[] = [
  ...ofPlane('keeper', { points: ['inbox', 'judged', 'approved', 'sent', 'heard'] }),
  ...ofPlane('controller', {
    points: ['claim', 'effect.started', 'effect.done', 'result', 'heard'],
  }),
  ...ofPlane('mirror', { points: ['mirrored', 'heard'], inTurn: true }),
]

/** One command line proposes one operation, so it passes each of these once. */
export const submitting = cellsOf([{ points: ['submit', 'sent', 'heard'], passes: [1] }])

/** Some of many, in another order: which ones the random numbers say. No point twice before all are in. */
export function someOf<C extends Cell>(
  cells: readonly C[],
  most: number,
  random: () => number,
): readonly C[] {
  const mixed = cells
    .map((cell) => ({ cell, at: random() }))
    .sort((one, two) => one.at - two.at)
    .map(({ cell }) => cell)
  const seen = new Set<string>()
  const first = mixed.filter(({ point }) => !seen.has(point) && seen.add(point))
  return [...first, ...mixed.filter((cell) => !first.includes(cell))].slice(0, most)
}

export const titleOf = ({ point, pass }: Cell): string => `${point}:${pass}`
