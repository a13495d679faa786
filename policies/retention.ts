/**
 * How long anything is kept. Audit has no age: an event leaves only after it was read back from the
 * ledger (D-43).
 *
 * @module
 */

const day = 86_400_000

export interface Retention {
  /** Kept this long. Infinity: age alone never removes it. */
  readonly ageMs: number
  /** At most this many; the oldest go first. Infinity: no limit. */
  readonly count: number
  /** Not removed before somebody confirmed that they have it, whatever its age. */
  readonly untilConfirmed: boolean
}

export const retentions = {
  ecosystem: { ageMs: 30 * day, count: Infinity, untilConfirmed: false },
  audit: { ageMs: 0, count: Infinity, untilConfirmed: true },
  /** Message ids that a bus remembers in order to drop a second copy. */
  messageIds: { ageMs: 120_000, count: Infinity, untilConfirmed: false },
  deadLetters: { ageMs: 30 * day, count: 10_000, untilConfirmed: false },
  workspaceEvents: { ageMs: 7 * day, count: Infinity, untilConfirmed: false },
} as const satisfies Record<string, Retention>

/** May it go? `newer` is how many younger ones of its kind there are. */
export function mayForget(
  retention: Retention,
  thing: {
    readonly ageMs: number
    readonly newer: number
    readonly confirmed?: boolean | undefined
  },
): boolean {
  if (retention.untilConfirmed && thing.confirmed !== true) return false
  return thing.ageMs >= retention.ageMs || thing.newer >= retention.count
}
