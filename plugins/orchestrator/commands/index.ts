/** The orchestrator's commands, by their words. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  drift: () => import('./drift.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
