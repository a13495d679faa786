/** Commands of the domain pack, by their words. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  demo: () => import('./demo.ts'),
  setup: () => import('./setup.ts'),
}
