/** Read models of the orchestrator, by name. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  drift: () => import('./drift.ts'),
}
