/** The keeper's commands, by their words; each module is loaded when its command runs. @module */
import type { CommandTable } from 'prov'

export const commands: CommandTable = {
  'policy show': () => import('./policy-show.ts'),
  'policy lint': () => import('./policy-lint.ts'),
  'validate-keeper-policy': () => import('./validate-keeper-policy.ts'),
  'policy activate': () => import('./policy-activate.ts'),
  'keeper status': () => import('./keeper-status.ts'),
  'keeper review': () => import('./keeper-review.ts'),
  'keeper rotate': () => import('./keeper-rotate.ts'),
  'plane rotate': () => import('./plane-rotate.ts'),
  'keeper mode': () => import('./keeper-mode.ts'),
  'keys status': () => import('./keys-status.ts'),
  'keys root': () => import('./keys-root.ts'),
  'keys draft': () => import('./keys-draft.ts'),
  'keys sign': () => import('./keys-sign.ts'),
  'keys apply': () => import('./keys-apply.ts'),
  'actor create': () => import('./actor-create.ts'),
  'actor enrol': () => import('./actor-enrol.ts'),
  'actor revoke': () => import('./actor-revoke.ts'),
  'actor list': () => import('./actor-list.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('./shapes.ts')
