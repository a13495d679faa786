/**
 * What happens to an actor whose step failed: supervision as data, in the shape that `defineActor`
 * takes. Dimensions and gates can be rebuilt from the journal, so they restart; leases and
 * operations touch the world, so they park and a person looks.
 *
 * @module
 */

export interface Restart {
  readonly strategy: 'one_for_one'
  /** Always, only after a failure, or never. */
  readonly restart: 'permanent' | 'transient' | 'temporary'
  readonly onFailure: 'restart' | 'resume' | 'park' | 'stop' | 'escalate'
  /** More failures than this within the period and the supervisor gives up (it escalates). */
  readonly intensity: number
  readonly periodMs: number
  readonly backoff: { readonly firstMs: number; readonly factor: number; readonly maxMs: number }
}

const backoff = { firstMs: 50, factor: 2, maxMs: 5_000 } as const

/** How the actors of the domain are supervised. */
export const restarts = {
  dimension: {
    strategy: 'one_for_one',
    restart: 'permanent',
    onFailure: 'restart',
    intensity: 3,
    periodMs: 5_000,
    backoff,
  },
  gate: {
    strategy: 'one_for_one',
    restart: 'permanent',
    onFailure: 'restart',
    intensity: 3,
    periodMs: 5_000,
    backoff,
  },
  lease: {
    strategy: 'one_for_one',
    restart: 'transient',
    onFailure: 'park',
    intensity: 2,
    periodMs: 60_000,
    backoff,
  },
  operation: {
    strategy: 'one_for_one',
    restart: 'transient',
    onFailure: 'park',
    intensity: 2,
    periodMs: 60_000,
    backoff,
  },
} as const satisfies Record<string, Restart>

/** True when one more failure now would be one too many. Instants in ms, any order. */
export function givesUp(
  rule: Pick<Restart, 'intensity' | 'periodMs'>,
  options: { readonly failuresAtMs: readonly number[]; readonly nowMs: number },
): boolean {
  const since = options.nowMs - rule.periodMs
  return options.failuresAtMs.filter((at) => at > since).length >= rule.intensity
}
