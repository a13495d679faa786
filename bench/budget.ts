/**
 * What must not be lost. Exact counts are held tightly, ratios loosely: at half of what was measured
 * on a quiet machine, so that a busy neighbour fails nobody and a real regression does.
 *
 *     npm run bench -- --check
 *
 * No peers, no network, under a minute. A row that is over its bound is measured again, with more
 * rounds, before it counts.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCells, thisRoot } from './kernel/runner.ts'
import type { CellResult, Plan } from './kernel/runner.ts'
import { subjects } from './kernel/subjects.ts'
import type { Subject } from './kernel/subjects.ts'
import { mainOf, middle, valueOf } from './kernel/table.ts'
import type { Sample } from './kernel/cell.ts'

type Side = readonly [subject: string, arm: string]

/** One line of `budget.json`. */
export interface Bound {
  readonly what: string
  readonly of: Side
  /** Cost relative to this one in the same round. Without it: `figure` itself. */
  readonly against?: Side
  /** Name of a figure of the cell. Default: the subject's own, CPU time mostly. */
  readonly figure?: string
  /** What was measured when the line was written; for people. */
  readonly was: number
  readonly atMost: number
  /** Rather too little than too much: a count that falls may be work that was lost. */
  readonly atLeast?: number
}

export interface Found {
  readonly bound: Bound
  readonly value: number
  readonly kept: boolean
  readonly why?: string
}

/** Fewer things than the whole bench has: what is counted here does not hang on how many. */
const smaller: Readonly<Record<string, Partial<Subject>>> = {
  chain: { times: 200_000, actors: 2_000 },
  random: { actors: 20_000 },
  spawn: { times: 10_000 },
  restore: { times: 20_000 },
}

export function readBudget(): readonly Bound[] {
  const text = readFileSync(join(thisRoot, 'bench/budget.json'), 'utf8')
  return (JSON.parse(text) as { readonly bounds: readonly Bound[] }).bounds
}

function plansFor(bounds: readonly Bound[]): readonly Plan[] {
  const wanted = bounds.flatMap(({ of, against }) => (against ? [of, against] : [of]))
  return subjects.flatMap((subject) => {
    const arms = new Set(wanted.filter(([name]) => name === subject.name).map(([, arm]) => arm))
    if (arms.size === 0) return []
    const columns = [...arms].map((arm) => ({ name: arm, arm, root: thisRoot }))
    return [{ subject: { ...subject, ...smaller[subject.name] }, columns }]
  })
}

/** One line against what was measured. */
export function judgeBound(bound: Bound, cells: readonly CellResult[]): Found {
  const at = ([subject, arm]: Side) =>
    cells.find((cell) => cell.subject.name === subject && cell.column.name === arm)
  const left = at(bound.of)
  const right = bound.against && at(bound.against)
  const failed = left?.failed ?? right?.failed
  if (!left || failed !== undefined) return { bound, value: NaN, kept: false, why: failed ?? '' }
  const of = bound.figure ?? mainOf(left.subject)
  const values = left.samples.map((sample, round) => {
    const value = valueOf(sample, of)
    return right ? value / valueOf(right.samples[round] as Sample, mainOf(right.subject)) : value
  })
  const value = middle(values)
  return { bound, value, kept: value <= bound.atMost && value >= (bound.atLeast ?? 0) }
}

/** Counts are the same every time: one round says it. */
async function measure(bounds: readonly Bound[], rounds: number): Promise<readonly Found[]> {
  const counted = bounds.filter(({ against }) => against === undefined)
  const related = bounds.filter(({ against }) => against !== undefined)
  const options = { sampleMs: 50, warmMs: 250, deadlineMs: 60_000 }
  const once = await runCells(plansFor(counted), { ...options, rounds: 1 })
  const often = await runCells(plansFor(related), { ...options, rounds })
  return bounds.map((bound) => judgeBound(bound, bound.against ? often : once))
}

function line({ bound, value, kept, why }: Found): string {
  const { what, was, atMost, atLeast } = bound
  const figure = (number: number) => (number >= 100 ? number.toFixed(0) : number.toPrecision(3))
  const least = atLeast === undefined ? '' : ` and at least ${figure(atLeast)}`
  const found = why === undefined ? figure(value) : `no figure: ${why}`
  return `${kept ? 'ok    ' : 'LOST  '} ${what.padEnd(60)} ${found.padStart(8)}   at most ${figure(atMost)}${least} (was ${figure(was)})`
}

/** Prints each row with its bound and its figure. False when something was really lost. */
export async function checkBudget(): Promise<boolean> {
  const first = await measure(readBudget(), 2)
  const doubted = first.filter(({ kept }) => !kept).map(({ bound }) => bound)
  const second = doubted.length > 0 ? await measure(doubted, 5) : []
  const found = first.map((row) => second.find(({ bound }) => bound === row.bound) ?? row)
  for (const row of found) {
    const { bound, value, kept } = row
    process.stdout.write(`${JSON.stringify({ bench: 'budget', ...bound, value, kept })}\n`)
    process.stderr.write(`${line(row)}\n`)
  }
  const lost = found.filter(({ kept }) => !kept)
  if (lost.length > 0) {
    process.stderr.write(
      `${lost.length} of ${found.length} lost. If it is meant, change bench/budget.json in the commit that does it and say why.\n`,
    )
  }
  return lost.length === 0
}
