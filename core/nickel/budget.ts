/**
 * How much an evaluation may cost, and what is under way.
 *
 * Nickel programs can loop for ever; a budget of time and depth turns that into an error with a
 * clear text. Thunks under way are listed so that a failure can put them back: asking the same
 * evaluation again then reports the true cause instead of "infinite recursion".
 *
 * Evaluation is synchronous, so one state for the module is enough; {@link guarded} nests.
 *
 * @module
 */
import { NickelError } from './error.ts'

/** Limits of one evaluation. */
export interface Budget {
  /** Wall-clock limit in milliseconds. Default: 10,000. */
  readonly timeMs?: number | undefined
  /** How many computations may wait for one another. Default: 100,000 (the stack gives out first). */
  readonly depth?: number | undefined
}

const DEFAULT_TIME_MS = 10_000
const DEFAULT_DEPTH = 100_000

interface Resettable {
  reset(): void
}

const active: Resettable[] = []
let ticks = 0
let deadline = Infinity
let timeMs = DEFAULT_TIME_MS
let maxDepth = DEFAULT_DEPTH

/** Counts one step; looks at the clock every few thousand steps. */
export function enter(): void {
  if ((++ticks & 0xfff) === 0 && performance.now() > deadline) {
    throw new NickelError({
      kind: 'budget',
      message: `evaluation took longer than ${timeMs} ms and was stopped`,
      notes: ['Is there a recursion that never ends? A larger budget can be given as `timeMs`.'],
    })
  }
}

/** A thunk begins. */
export function started(thunk: Resettable): void {
  enter()
  active.push(thunk)
  if (active.length > maxDepth) throw tooDeep()
}

/** The latest thunk ended. */
export function finished(): void {
  active.pop()
}

const tooDeep = (): NickelError =>
  new NickelError({
    kind: 'budget',
    message: 'evaluation is nested too deeply and was stopped',
    notes: [
      'A recursive function or a long chain of fields needs more stack than this process has.',
      'Folds of the standard library (std.array.fold_left) do not nest.',
    ],
  })

/** Runs something that evaluates, within limits; turns a stack overflow into a `budget` error. */
export function guarded<T>(budget: Budget, run: () => T): T {
  const base = active.length
  const outer = { deadline, timeMs, maxDepth }
  timeMs = budget.timeMs ?? DEFAULT_TIME_MS
  maxDepth = base + (budget.depth ?? DEFAULT_DEPTH)
  deadline = Math.min(outer.deadline, performance.now() + timeMs)
  try {
    return run()
  } catch (error) {
    for (const thunk of active.splice(base)) thunk.reset()
    if (error instanceof RangeError) throw tooDeep()
    throw error
  } finally {
    deadline = outer.deadline
    timeMs = outer.timeMs
    maxDepth = outer.maxDepth
  }
}
