/** The commands of the workspace, by their words; each module is loaded when its command runs. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  state: () => import('./state.ts'),
  next: () => import('./next.ts'),
  validate: () => import('./validate.ts'),
  connections: () => import('./connections.ts'),
  gates: () => import('./gates.ts'),
  why: () => import('./why.ts'),
  card: () => import('./card.ts'),
  capabilities: () => import('./capabilities.ts'),
  backlog: () => import('./backlog.ts'),
  'backlog show': () => import('./backlog-show.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
