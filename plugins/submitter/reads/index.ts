/** Read models of operations, by name; each module is loaded when it is asked for. @module */
import type { ReadTable } from 'prov'

export const reads: ReadTable = {
  ops: () => import('./ops.ts'),
  op: () => import('./op.ts'),
}
