/**
 * The `op` commands, by their words. Light on purpose: the command line finds them here without
 * loading the plugin, and each module is loaded when its command runs.
 *
 * @module
 */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  'op plan': () => import('./plan.ts'),
  'op submit': () => import('./submit.ts'),
  'op list': () => import('./list.ts'),
  'op show': () => import('./show.ts'),
  'op wait': () => import('./wait.ts'),
  'op approve': () => import('./approve.ts'),
  'op reject': () => import('./reject.ts'),
  'keeper approve': () => import('./keeper-approve.ts'),
  'keeper reject': () => import('./keeper-reject.ts'),
  'op withdraw': () => import('./withdraw.ts'),
  'op compensate': () => import('./compensate.ts'),
  'op resolve': () => import('./resolve.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
