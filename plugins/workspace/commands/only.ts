/** One row by its id, with a did-you-mean when it is mistyped. @module */
import { nearest } from 'prov'
import { workspaceErrors } from '../errors.ts'

/** All rows without an id, else the one that has it. Throws PROV_WORKSPACE_ID_UNKNOWN. */
export function onlyRows<T>(
  rows: readonly T[],
  id: string | undefined,
  of: { readonly what: string; readonly command: string; readonly idOf: (row: T) => string },
): readonly T[] {
  if (id === undefined) return rows
  const found = rows.filter((row) => of.idOf(row) === id)
  if (found.length > 0) return found
  const known = rows.map(of.idOf)
  const suggestion = nearest(id, known)
  const { what, command } = of
  throw workspaceErrors.PROV_WORKSPACE_ID_UNKNOWN({
    what,
    id,
    command,
    known: [...new Set(known)],
    ...(suggestion !== undefined && { suggestion }),
  })
}
