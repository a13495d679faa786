/** What can be asked about the ledger without running the mirror. @module */
export const reads = { ledger: () => import('./ledger.ts') }
