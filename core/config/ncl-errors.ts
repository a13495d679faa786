/**
 * Failures of Nickel files as rows of the one table. The evaluator has its own error, since it
 * imports nothing of the house; here each of its kinds gets a code, a place and a remedy.
 *
 * @module
 */
import { defineErrors } from '../errors.ts'
import type { Place, ProvError, Raise } from '../errors.ts'
import type { JsonObject } from '../json.ts'

/** What every Nickel failure says beside its place. */
export interface NclDetail {
  readonly message: string
  /** Dotted path of the record field, when one is concerned. */
  readonly path?: string
  readonly notes?: readonly string[]
  readonly suggestion?: string
  /** Where the contract that was broken stands. */
  readonly contract?: Place
}

type Kinds = (typeof kinds)[number]
const kinds = [
  'PARSE',
  'SCOPE',
  'TYPE',
  'CONTRACT',
  'MERGE',
  'MISSING_FIELD',
  'MISSING_DEFINITION',
  'MATCH',
  'IMPORT',
  'INFINITE_RECURSION',
  'EXPORT',
  'PARAMETRICITY',
  'UNSUPPORTED',
  'BUDGET',
  'OTHER',
] as const

const row = (remedy: string) => ({
  disposition: 'usage' as const,
  text: ({ message, path }: NclDetail) => (path ? `${message} (at ${path})` : message),
  remedy: ({ suggestion }: NclDetail) =>
    suggestion === undefined ? remedy : `did you mean "${suggestion}"? Then ${remedy}`,
})
const mend = 'mend the file at the place named, then check it with `prov ncl export <file>`'

export const nclErrors: { readonly [K in `PROV_NCL_${Kinds}`]: Raise<NclDetail> } = defineErrors<{
  [K in `PROV_NCL_${Kinds}`]: NclDetail
}>({
  PROV_NCL_PARSE: row(mend),
  PROV_NCL_SCOPE: row(mend),
  PROV_NCL_TYPE: row(mend),
  PROV_NCL_CONTRACT: row(mend),
  PROV_NCL_MERGE: row('give one of the two values `| default` or `| force` in its file'),
  PROV_NCL_MISSING_FIELD: row(mend),
  PROV_NCL_MISSING_DEFINITION: row('define the field, or mark it `| optional` in its schema file'),
  PROV_NCL_MATCH: row(mend),
  PROV_NCL_IMPORT: row(
    'see that it is there and a file (`ls -l`), or add its folder to NICKEL_IMPORT_PATH',
  ),
  PROV_NCL_INFINITE_RECURSION: row('break the circle in the file: a value is defined by itself'),
  PROV_NCL_EXPORT: row('mark functions `| not_exported` in the file, or apply them'),
  PROV_NCL_PARAMETRICITY: row(mend),
  PROV_NCL_UNSUPPORTED: row('see core/nickel/README.md for what is deliberately left out'),
  PROV_NCL_BUDGET: row('make the file smaller or shallower; see core/nickel/README.md'),
  PROV_NCL_OTHER: row(mend),
})

interface NickelPlace {
  readonly file: string
  readonly line: number
  readonly col: number
}

/** The part of the evaluator's error that this room reads; recognised by shape. */
interface NickelFailure extends Error {
  readonly kind: string
  readonly place?: NickelPlace
  readonly contractPlace?: NickelPlace
  readonly path?: readonly string[]
  readonly notes?: readonly string[]
  readonly suggestion?: string
}

/** The row of an evaluator's error; undefined for any other thing. */
export function fromNickelError(thrown: unknown): ProvError | undefined {
  const error = thrown as Partial<NickelFailure> | undefined
  if (error?.name !== 'NickelError' || typeof error.kind !== 'string') return undefined
  const name = error.kind.toUpperCase().replaceAll('-', '_')
  const kind = (kinds as readonly string[]).includes(name) ? (name as Kinds) : 'OTHER'
  const detail: { -readonly [K in keyof NclDetail]: NclDetail[K] } = {
    message: error.message ?? '',
  }
  if (error.path?.length) detail.path = error.path.join('.')
  if (error.notes?.length) detail.notes = error.notes
  if (error.suggestion !== undefined) detail.suggestion = error.suggestion
  if (error.contractPlace) detail.contract = plain(error.contractPlace)
  const place = error.place && plain(error.place)
  return nclErrors[`PROV_NCL_${kind}`](detail as NclDetail & JsonObject, { cause: thrown, place })
}

function plain({ file, line, col }: NickelPlace): Place {
  return { file, line, column: col }
}
