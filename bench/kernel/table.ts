/**
 * From samples to rows: medians with their spread, and costs relative to the limit and to XState of
 * the same round.
 *
 * @module
 */
import type { Sample } from './cell.ts'
import type { CellResult } from './runner.ts'
import type { Goal, Subject } from './subjects.ts'

export interface KernelRow {
  readonly bench: 'kernel'
  readonly subject: string
  readonly arm: string
  /** Absent when the arm failed or could not be had. */
  readonly median?: number
  readonly min?: number
  readonly max?: number
  /** Which figure it is: `cpuNs` and `wallNs` per operation, `bytes` each, `rssMB` in all. */
  readonly of: string
  /** Cost divided by that of the arm named, median over rounds: 0.1 is ten times as fast. */
  readonly against: Readonly<Record<string, number>>
  readonly wallNs?: number
  readonly processNs?: number
  readonly figures?: Readonly<Record<string, number>>
  readonly rounds: number
  readonly times?: number
  readonly clock?: Sample['clock']
  readonly failed?: string
}

export const mainOf = ({ main, kind }: Subject): string =>
  main ?? (kind === 'size' || kind === 'alloc' ? 'bytes' : 'cpuNs')

export function valueOf(sample: Sample, of: string): number {
  if (of === 'cpuNs' || of === 'wallNs' || of === 'processNs') return sample[of]
  return sample.figures[of] ?? NaN
}

/** The median; of an even number of values the mean of the two in the middle. */
export function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  const upper = sorted[half] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? NaN) + upper) / 2
}

/** Left divided by right, round by round. */
function ratio(left: CellResult, right: CellResult): number {
  const rounds = Math.min(left.samples.length, right.samples.length)
  const [of, other] = [mainOf(left.subject), mainOf(right.subject)]
  return middle(
    left.samples
      .slice(0, rounds)
      .map((sample, at) => valueOf(sample, of) / valueOf(right.samples[at] as Sample, other)),
  )
}

export function rowOf(cell: CellResult, all: readonly CellResult[]): KernelRow {
  const { subject, column, samples, failed } = cell
  const of = mainOf(subject)
  const plain = { bench: 'kernel' as const, subject: subject.name, arm: column.name, of }
  if (failed !== undefined || samples.length === 0) {
    return { ...plain, against: {}, rounds: samples.length, failed: failed ?? 'not run' }
  }
  const own = samples.map((sample) => valueOf(sample, of))
  const against: Record<string, number> = {}
  for (const other of all) {
    if (other.subject !== subject || other === cell || other.failed !== undefined) continue
    const { name } = other.column
    const older = name.startsWith(`${column.name}@`)
    if (older || /^(limit|xstate|ours)$/.test(name)) against[name] = ratio(cell, other)
  }
  const last = samples.at(-1) as Sample
  return {
    ...plain,
    median: middle(own),
    min: Math.min(...own),
    max: Math.max(...own),
    against,
    wallNs: middle(samples.map((sample) => sample.wallNs)),
    processNs: middle(samples.map((sample) => sample.processNs)),
    figures: last.figures,
    rounds: samples.length,
    times: last.times,
    clock: last.clock,
  }
}

export interface GoalRow {
  readonly bench: 'kernel-goal'
  readonly goal: string
  readonly arm: string
  readonly found: number
  readonly atMost: number
  readonly met: boolean
}

/** Undefined when one side was not run. */
export function judge(
  goal: Goal,
  all: readonly CellResult[],
  rename: (arm: string) => string = (arm) => arm,
): GoalRow | undefined {
  const find = ([subject, arm]: readonly [string, string]): CellResult | undefined => {
    const wanted = arm.startsWith('ours') ? rename(arm) : arm
    return all.find(
      (cell) =>
        cell.subject.name === subject && cell.column.name === wanted && cell.failed === undefined,
    )
  }
  const left = find(goal.left)
  const right = goal.right && find(goal.right)
  if (!left || left.samples.length === 0 || (goal.right && !right)) return undefined
  const of = mainOf(left.subject)
  const found = right
    ? ratio(left, right)
    : middle(left.samples.map((sample) => valueOf(sample, of)))
  const { what, atMost } = goal
  const arm = rename('ours')
  return { bench: 'kernel-goal', goal: what, arm, found, atMost, met: found <= atMost }
}

function readable(value: number, of: string): string {
  if (of === 'rssMB') return `${value.toFixed(0)} MB`
  if (of === 'bytes') return `${value.toFixed(0)} B`
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} ms`
  if (value >= 1e3) return `${(value / 1e3).toFixed(2)} us`
  return `${value.toFixed(1)} ns`
}

/** How many times one costs the other, from the side that makes it a number above one. */
function times(ratio: number, name: string): string {
  if (Number.isNaN(ratio)) return ''
  return ratio >= 1 ? `${ratio.toFixed(2)}x ${name}` : `${name}/${(1 / ratio).toFixed(2)}`
}

export function lineOf(row: KernelRow): string {
  const head = `${row.subject.padEnd(13)} ${row.arm.padEnd(18)}`
  if (row.median === undefined) return `${head} left out: ${row.failed}`
  const spread = `[${readable(row.min as number, row.of)} - ${readable(row.max as number, row.of)}]`
  const ratios = Object.entries(row.against).map(([name, value]) => times(value, name))
  const value = readable(row.median, row.of).padStart(9)
  return `${head} ${value} ${spread.padEnd(24)} ${ratios.join('  ')}`.trimEnd()
}

export function goalLine({ goal, arm, found, atMost, met }: GoalRow): string {
  const figure = (value: number): string =>
    value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : `1/${(1 / value).toFixed(2)}`
  const whose = arm === 'ours' ? '' : ` (${arm})`
  return `${met ? 'met   ' : 'MISSED'} ${goal}${whose}: ${figure(found)}, wanted at most ${figure(atMost)}`
}
