/** The controller's commands, by their words; each module is loaded when its command runs. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  'controller status': () => import('./controller-status.ts'),
  'controller replay': () => import('./controller-replay.ts'),
  metrics: () => import('./metrics.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
