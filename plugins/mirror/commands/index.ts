/** The commands of the audit trail, by their words. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  'audit log': () => import('./audit-log.ts'),
  'audit verify': () => import('./audit-verify.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
