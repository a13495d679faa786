/** Read models of policy, keeper and trust, by name. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  policy: () => import('./policy.ts'),
  keeper: () => import('./keeper.ts'),
  keys: () => import('./keys.ts'),
  enrolled: () => import('./enrolled.ts'),
}
