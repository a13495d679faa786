/** Read models of the workspace, by name; each module is loaded when it is asked for. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  state: () => import('./state.ts'),
  next: () => import('./next.ts'),
  gates: () => import('./gates.ts'),
  connections: () => import('./connections.ts'),
  card: () => import('./card.ts'),
  capabilities: () => import('./capabilities.ts'),
  backlog: () => import('./backlog.ts'),
  'backlog-item': () => import('./backlog-item.ts'),
  validate: () => import('./validate.ts'),
  plan: () => import('./plan.ts'),
  why: () => import('./why.ts'),
}
