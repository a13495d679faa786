/** What can be asked about the audit trail and the ledger without running the mirror. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  audit: () => import('./audit.ts'),
  trail: () => import('./trail.ts'),
  ledger: () => import('./ledger.ts'),
  'ledger-check': () => import('./ledger-check.ts'),
}
