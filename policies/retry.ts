/**
 * When to try again, and when to stop trying. The randomness comes as an argument, so a test and a
 * replay get the same delays.
 *
 * @module
 */

export interface Retry {
  /** Attempts in all, the first included. 1 never retries; Infinity never gives up. */
  readonly attempts: number
  /** The delay before the second attempt. */
  readonly firstMs: number
  /** Each delay is this many times the one before. 1 keeps it constant. */
  readonly factor: number
  /** No delay is longer. */
  readonly maxMs: number
  /** The part of a delay that is random, 0 to 1. 0 lets a herd stay a herd. */
  readonly jitter: number
}

/** How each kind of work is retried. */
export const retries = {
  /** A step of an op whose provider said "not now" and enforces unique names. */
  step: { attempts: 3, firstMs: 500, factor: 2, maxMs: 10_000, jitter: 0.5 },
  /** Asking a provider whether an effect happened: cheap, and the answer matters. */
  probe: { attempts: 20, firstMs: 500, factor: 2, maxMs: 30_000, jitter: 0.5 },
  /** Destroying a machine: never given up, it costs money (INV-05). */
  destroy: { attempts: Infinity, firstMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0.5 },
  /** Resending what the other side has not confirmed. */
  outbox: { attempts: Infinity, firstMs: 200, factor: 2, maxMs: 30_000, jitter: 0.3 },
  /** Signing a command anew, after more than one in a row had no force: a clock may be wrong. */
  command: { attempts: Infinity, firstMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0 },
  /** A build that ran out of memory: once, at the next tier (INV-04). */
  outOfMemory: { attempts: 2, firstMs: 0, factor: 1, maxMs: 0, jitter: 0 },
} as const satisfies Record<string, Retry>

/**
 * The delay before attempt `attempt` (2 is the first retry), or undefined when there is none left.
 * `random` is in [0, 1): with jitter j the delay lies between (1 - j) and 1 times the full one.
 * A server's own `retryAfterMs` wins when it is longer.
 */
export function retryDelayMs(
  retry: Retry,
  options: {
    readonly attempt: number
    readonly random: number
    readonly retryAfterMs?: number | undefined
  },
): number | undefined {
  const { attempt, random, retryAfterMs = 0 } = options
  if (attempt < 2 || attempt > retry.attempts) return undefined
  const full = Math.min(retry.maxMs, retry.firstMs * retry.factor ** (attempt - 2))
  return Math.max(retryAfterMs, Math.round(full * (1 - retry.jitter * random)))
}
