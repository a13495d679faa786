/** Read models of the audit trail, by name. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  audit: () => import('./audit.ts'),
  trail: () => import('./trail.ts'),
}
