/** One row by its id, with a did-you-mean when it is mistyped. @module */
import { defineErrors, nearest } from 'prov'

const rowErrors = defineErrors<{
  PROV_WORKSPACE_ID_UNKNOWN: {
    what: string
    id: string
    known: readonly string[]
    command: string
    near?: string
  }
}>({
  PROV_WORKSPACE_ID_UNKNOWN: {
    disposition: 'usage',
    text: ({ what, id, known, near }) =>
      `there is no ${what} ${id}${near === undefined ? `; there are ${known.join(', ') || 'none'}` : `; did you mean ${near}?`}`,
    remedy: ({ command }) => `run \`prov ${command}\` to see them all`,
  },
})

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
  const near = nearest(id, known)
  const { what, command } = of
  throw rowErrors.PROV_WORKSPACE_ID_UNKNOWN({
    what,
    id,
    command,
    known: [...new Set(known)],
    ...(near !== undefined && { near }),
  })
}
