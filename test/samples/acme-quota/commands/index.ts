/** @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = { quota: () => import('./quota.ts') }
