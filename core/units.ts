/**
 * Units as named types, so that a number never travels without one, and the one parser of what
 * people write ("500ms", "20m", "64KiB").
 *
 * @module
 */

/** A span or an instant in milliseconds; instants count from the Unix epoch. */
export type Millis = number
/** A size in bytes. */
export type Bytes = number
/** A number of things, never negative. */
export type Count = number

const durationMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Milliseconds of "250ms", "30s", "10m", "2h" or "7d". Bare numbers are refused: a number without a
 * unit is how a timeout of 30 ms happens. Returns undefined for anything else.
 */
export function parseDuration(text: string): Millis | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (!match) return undefined
  return Number(match[1]) * (durationMs[match[2] as string] as number)
}

/** "1.2 s", "340 ms", "3 m", "2 d": for people, never parsed back. */
export function formatDuration(ms: Millis): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} m`
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} d`
}
