/**
 * What follows a failure, as a pure function of the policy and the failures so far.
 *
 * @module
 */
import type { Millis } from '../units.ts'
import type { Directive, Supervision } from './define.ts'

export interface Decision {
  readonly directive: Directive
  /** Before the actor goes on; 0 unless it restarts. */
  readonly pauseMs: Millis
  /** Times of failures within the period, this one included. */
  readonly failures: readonly Millis[]
}

/** Decides on a failure at `nowMs` (monotonic), given the times of earlier ones. */
export function decide(policy: Supervision, earlier: readonly Millis[], nowMs: Millis): Decision {
  const failures = [...earlier.filter((time) => time > nowMs - policy.periodMs), nowMs]
  const without = (directive: Directive): Decision => ({ directive, pauseMs: 0, failures })
  if (policy.onFailure !== 'restart') return without(policy.onFailure)
  if (policy.restart === 'temporary') return without('stop')
  if (failures.length > policy.intensity) return without('escalate')
  const { firstMs, factor, maxMs } = policy.backoff
  const pauseMs = Math.min(maxMs, firstMs * factor ** (failures.length - 1))
  return { directive: 'restart', pauseMs, failures }
}
