/**
 * What becomes of timers when their actor is loaded. Those that are overdue do what their type chose:
 *
 * - `fire` (default) at once, as if they were only late;
 * - `skip` they are dropped, and the journal says so;
 * - `restart` their delay begins again.
 *
 * Due times are wall times, and a wall clock may have been set back since. A timer then waits for what
 * was left of it when the journal was last written, and never for longer than its whole delay.
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

export interface Loaded {
  /** As they stand from now on. */
  readonly timers: readonly TimerState[]
  readonly skipped: readonly string[]
  readonly restarted: readonly string[]
  /** Due earlier than they said, because the wall clock was set back. Absent: none. */
  readonly moved?: readonly string[]
}

/** For who looks up many timers in a list; undefined when the list is so short that it does as well. */
export const indexOf = (timers: readonly TimerState[]): ReadonlySet<TimerState> | undefined =>
  timers.length > 16 ? new Set(timers) : undefined

/**
 * Undefined when every timer stays as it is. `lastMs` is a wall time that is past for certain: that of
 * the newest record.
 */
export function loaded(
  policies: TimerPolicies,
  timers: readonly TimerState[],
  nowMs: Millis,
  lastMs: Millis,
): Loaded | undefined {
  const skipped: string[] = []
  const restarted: string[] = []
  const moved: string[] = []
  const staying = timers.flatMap((timer) => {
    const leftMs = timer.dueMs - Math.max(nowMs, lastMs)
    if (leftMs > 0) {
      const dueMs = nowMs + Math.min(leftMs, delayOf(timer) ?? Infinity)
      if (dueMs >= timer.dueMs) return timer
      moved.push(timer.id)
      return { ...timer, dueMs }
    }
    const policy = policyFor(policies, timer)
    if (policy === 'skip') {
      skipped.push(timer.id)
      return []
    }
    const delayMs = policy === 'restart' ? delayOf(timer) : undefined
    if (delayMs !== undefined) {
      restarted.push(timer.id)
      return { ...timer, dueMs: nowMs + delayMs }
    }
    if (timer.dueMs <= nowMs) return timer
    moved.push(timer.id)
    return { ...timer, dueMs: nowMs }
  })
  if (skipped.length + restarted.length + moved.length === 0) return undefined
  return { timers: staying, skipped, restarted, ...(moved.length > 0 && { moved }) }
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
  const known = indexOf(before.timers)
  const timers = after.timers.map((timer) => {
    if (known?.has(timer) ?? before.timers.includes(timer)) return timer
    if (policyFor(policies, timer) !== 'restart') return timer
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
