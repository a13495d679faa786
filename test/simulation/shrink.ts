/**
 * A failing story told shorter: whatever can be left out while it still fails is left out, faults
 * first. One thing at a time, since a run is cheap and a list is short.
 *
 * @module
 */
import type { Count } from '../../core/units.ts'
import { runStory } from './run.ts'
import type { Story } from './story.ts'

/** Most runs that are spent on one story. */
const most: Count = 60

/** What is left of it, and what it breaks then. */
export async function shrunk(
  story: Story,
  broken: readonly string[],
  run: (story: Story) => Promise<{ readonly broken: readonly string[] }> = runStory,
): Promise<{ readonly story: Story; readonly broken: readonly string[] }> {
  let best = { story, broken }
  let runs = 0
  for (const part of ['faults', 'deeds'] as const) {
    for (let at = 0; at < best.story[part].length && runs < most; runs++) {
      const less = { ...best.story, [part]: best.story[part].toSpliced(at, 1) }
      const outcome = await run(less)
      if (outcome.broken.length > 0) best = { story: less, broken: outcome.broken }
      else at++
    }
  }
  return best
}
