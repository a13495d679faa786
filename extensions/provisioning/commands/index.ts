/** Commands of the domain pack, by their words. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  setup: () => import('./setup.ts'),
}
