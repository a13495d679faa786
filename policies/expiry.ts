/**
 * The three clocks of an op (D-33): an intent lives for days because people sleep, a vote no longer
 * than its intent, a command for minutes because the world moves. A command is checked at CLAIM only:
 * work that was begun in time is not stopped by the clock.
 *
 * @module
 */

export const expiries = {
  intentMs: 7 * 86_400_000,
  commandMs: 10 * 60_000,
  /** Clocks further apart than this are named and refused, not averaged. */
  clockOffsetMs: 60_000,
  /** A gap in the keeper's sequence waits this long, then it is skipped (D-30). */
  sequenceGapMs: 30_000,
} as const

/** What a signed thing says about its own time. */
export interface Lifetime {
  readonly issuedAtMs: number
  readonly notBeforeMs?: number | undefined
  readonly expiresAtMs: number
}

export type ExpiryProblem = 'expired' | 'too-long' | 'not-yet' | 'from-the-future' | 'backwards'

/**
 * What is wrong with a lifetime, or undefined. `longestMs` is the most that its kind may ask for.
 * Expiry is exact: clock offset is a problem of its own, not a grace period.
 */
export function expiryProblem(
  life: Lifetime,
  options: { readonly nowMs: number; readonly longestMs: number },
): ExpiryProblem | undefined {
  const { nowMs, longestMs } = options
  if (life.expiresAtMs <= life.issuedAtMs) return 'backwards'
  if (life.issuedAtMs > nowMs + expiries.clockOffsetMs) return 'from-the-future'
  if (life.expiresAtMs - life.issuedAtMs > longestMs) return 'too-long'
  if ((life.notBeforeMs ?? life.issuedAtMs) > nowMs + expiries.clockOffsetMs) return 'not-yet'
  return life.expiresAtMs <= nowMs ? 'expired' : undefined
}

/** The end of a vote: never later than the intent that it is about. */
export function voteExpiryMs(intentExpiresAtMs: number, askedMs: number | undefined): number {
  return askedMs === undefined ? intentExpiresAtMs : Math.min(intentExpiresAtMs, askedMs)
}

/** The end of a command issued now: minutes, and never later than its intent. */
export function commandExpiryMs(options: {
  readonly nowMs: number
  readonly intentExpiresAtMs: number
}): number {
  return Math.min(options.nowMs + expiries.commandMs, options.intentExpiresAtMs)
}
