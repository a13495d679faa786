/** Read models of the controller, by name. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  controller: () => import('./controller.ts'),
}
