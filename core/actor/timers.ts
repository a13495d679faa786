/**
 * What becomes of timers that are overdue when their actor is loaded, by the choice of its type:
 *
 * - `fire` (default) at once, as if they were only late;
 * - `skip` they are dropped, and the journal says so;
 * - `restart` their delay begins again.
 *
 * @module
 */
import type { Millis } from '../units.ts'
import type { TimerState } from './state.ts'

export type TimerPolicy = 'fire' | 'skip' | 'restart'

/**
 * By the name of a delay of the machine (`after: { short: … }` or `after: { 1000: … }`), by the id of
 * a delayed `raise`, or by the type of its event.
 */
export type TimerPolicies = Readonly<Record<string, TimerPolicy>>

export interface Overdue {
  /** As they stand from now on. */
  readonly timers: readonly TimerState[]
  readonly skipped: readonly string[]
  readonly restarted: readonly string[]
}

/** Undefined when every timer stays as it is. */
export function overdue(
  policies: TimerPolicies,
  timers: readonly TimerState[],
  nowMs: Millis,
): Overdue | undefined {
  const skipped: string[] = []
  const restarted: string[] = []
  const staying = timers.flatMap((timer) => {
    if (timer.dueMs > nowMs) return timer
    const policy = policyFor(policies, timer)
    if (policy === 'skip') {
      skipped.push(timer.id)
      return []
    }
    const delayMs = policy === 'restart' ? delayOf(timer) : undefined
    if (delayMs === undefined) return timer
    restarted.push(timer.id)
    return { ...timer, dueMs: nowMs + delayMs }
  })
  if (skipped.length + restarted.length === 0) return undefined
  return { timers: staying, skipped, restarted }
}

/**
 * Notes the delay with each new timer that may have to begin again: a due time alone does not tell it.
 * The same standing when there is nothing to note.
 */
export function withDelays<S extends { readonly timers: readonly TimerState[] }>(
  policies: TimerPolicies,
  before: { readonly timers: readonly TimerState[] },
  after: S,
  nowMs: Millis,
): S {
  if (after.timers === before.timers) return after
  let noted = false
  const timers = after.timers.map((timer) => {
    if (before.timers.includes(timer) || policyFor(policies, timer) !== 'restart') return timer
    noted = true
    return { ...timer, delayMs: timer.dueMs - nowMs }
  })
  return noted ? { ...after, timers } : after
}

function policyFor(policies: TimerPolicies, { id, event }: TimerState): TimerPolicy {
  const named = policies[id] ?? policies[event.type]
  if (named) return named
  const delay = Object.keys(policies).find((name) => event.type.startsWith(`xstate.after.${name}.`))
  return delay === undefined ? 'fire' : (policies[delay] as TimerPolicy)
}

/** Kept with the timer, or the number in `after`; older records of named delays have neither. */
function delayOf({ delayMs, event }: TimerState): Millis | undefined {
  if (delayMs !== undefined) return delayMs
  const number = /^xstate\.after\.(\d+)\./.exec(event.type)?.[1]
  return number === undefined ? undefined : Number(number)
}
