/** Commands of the domain pack, by their words. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  demo: () => import('./demo.ts'),
  setup: () => import('./setup.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
