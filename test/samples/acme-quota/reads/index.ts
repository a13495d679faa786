/** @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = { quota: () => import('./quota.ts') }
