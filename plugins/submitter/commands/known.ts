/**
 * What a shell offers where an operation is named: those that the command can do something about.
 *
 * @module
 */
import type { RowsOf } from 'prov'

/** Operations, newest first; only those in a phase, or only those under way. */
export const operations = (args: { readonly phase?: string; readonly open?: boolean } = {}) =>
  ({ read: 'ops', args, value: 'op', says: ['phase', 'type', 'target'] }) as const satisfies RowsOf
