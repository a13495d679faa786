/** The orchestrator's commands, by their words. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  drift: () => import('./drift.ts'),
}
