/** The commands of the audit trail and of the repositories, by their words. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  'audit log': () => import('./audit-log.ts'),
  'audit verify': () => import('./audit-verify.ts'),
  'validate-radicle-governance': () => import('./validate-radicle-governance.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
