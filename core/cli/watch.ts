/**
 * `--watch`: the same look again and again, told when it changed. Every look is a new one over files
 * and journal, so it works beside whatever else is running and holds no lock in between.
 *
 * On a terminal the screen is drawn anew, so that ages stay true; in a pipe only what changed is
 * printed, as JSON one line each.
 *
 * @module
 */
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Millis } from '../units.ts'
import type { AnyCommand } from './command.ts'

const lookEveryMs: Millis = 500

/** Reading only: what acts is not repeated, and what answers about this machine does not move. */
export function isWatchable({ writes, group }: AnyCommand): boolean {
  return !writes && group !== 'Tools' && group !== 'Workspace'
}

/** Looks until the signal aborts; then it rejects with the reason. */
export async function watching(options: {
  readonly look: () => Promise<unknown>
  readonly show: (data: unknown) => void
  /** True: shown after each look, also when nothing changed. */
  readonly redraw: boolean
  readonly clock: Clock
  readonly signal: AbortSignal
}): Promise<never> {
  const { look, show, redraw, clock, signal } = options
  let told: string | undefined
  for (;;) {
    const data = await look()
    const now = JSON.stringify(data, ageless)
    if (redraw || now !== told) show(data)
    told = now
    await sleep(clock, lookEveryMs, signal)
  }
}

/** Time passes, which is no news. */
function ageless(key: string, value: unknown): unknown {
  return key === 'ageMs' ? undefined : value
}
