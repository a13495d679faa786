/** Read models of policy, keeper and trust, by name. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  policy: () => import('./policy.ts'),
  keeper: () => import('./keeper.ts'),
  enrolled: () => import('./enrolled.ts'),
}
