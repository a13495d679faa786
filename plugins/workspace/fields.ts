/**
 * Reading exported JSON field by field, once, at the edge. A reader collects everything that is
 * wrong with its file instead of stopping at the first, and each complaint says file and path.
 *
 * @module
 */
import { nearest } from 'prov'
import type { ProvError } from 'prov'
import { workspaceErrors } from './errors.ts'

export type Fields = Readonly<Record<string, unknown>>

/** A place in one exported file. */
export interface Reader {
  readonly file: string
  readonly path: string
  /** Keeps a complaint; reading goes on with a stand-in value. */
  readonly complain: (error: ProvError) => void
  /** The record's fields, or undefined when it is none. Fields outside `known` are complained about. */
  readonly record: (known: readonly string[] | undefined) => RecordReader | undefined
}

export interface RecordReader extends Reader {
  readonly has: (field: string) => boolean
  readonly text: (field: string, otherwise?: string) => string
  readonly maybeText: (field: string) => string | undefined
  readonly number: (field: string) => number | undefined
  readonly flag: (field: string, otherwise: boolean) => boolean
  readonly oneOf: <T extends string>(field: string, known: readonly T[], otherwise?: T) => T
  readonly texts: (field: string) => readonly string[]
  readonly numbers: (field: string) => readonly number[]
  /** The items of a list, each a reader; a missing list is empty. */
  readonly list: (field: string) => readonly Reader[]
  /** The same, and a missing list is an error: the file holds nothing else. */
  readonly neededList: (field: string) => readonly Reader[]
  readonly child: (field: string) => Reader
  readonly raw: (field: string) => unknown
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a record'
  return typeof value === 'string' ? `"${value}"` : `${typeof value} ${JSON.stringify(value)}`
}

/** A reader of a value that was exported from a file. */
export function readerOf(
  value: unknown,
  at: { readonly file: string; readonly path?: string },
  complain: (error: ProvError) => void,
): Reader {
  const { file, path = '' } = at
  const place = { place: { file } }
  const join = (field: string) => (path === '' ? field : `${path}.${field}`)
  const wrong = (where: string, wanted: string, found: unknown) =>
    complain(
      workspaceErrors.PROV_WORKSPACE_FIELD_INVALID(
        { file, path: where || 'the file', wanted, found: kindOf(found) },
        place,
      ),
    )

  const record = (known: readonly string[] | undefined): RecordReader | undefined => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      wrong(path, 'a record', value)
      return undefined
    }
    const fields = value as Fields
    for (const field of known ? Object.keys(fields) : []) {
      if (known?.includes(field)) continue
      const suggestion = nearest(field, known ?? [])
      complain(
        workspaceErrors.PROV_WORKSPACE_FIELD_UNKNOWN(
          { file, path: path || 'the file', field, ...(suggestion && { suggestion }) },
          place,
        ),
      )
    }
    const raw = (field: string) => (Object.hasOwn(fields, field) ? fields[field] : undefined)
    const missing = (field: string) =>
      complain(workspaceErrors.PROV_WORKSPACE_FIELD_MISSING({ file, path: join(field) }, place))

    const reader: RecordReader = {
      file,
      path,
      complain,
      record,
      raw,
      has: (field) => raw(field) !== undefined,
      text(field, otherwise) {
        const found = raw(field)
        if (typeof found === 'string') return found
        if (found !== undefined) wrong(join(field), 'a text', found)
        else if (otherwise === undefined) missing(field)
        return otherwise ?? ''
      },
      maybeText: (field) => (raw(field) === undefined ? undefined : reader.text(field, '')),
      number(field) {
        const found = raw(field)
        if (found === undefined) return undefined
        if (typeof found === 'number' && Number.isInteger(found) && found >= 0) return found
        wrong(join(field), 'a whole number from 0', found)
        return undefined
      },
      flag(field, otherwise) {
        const found = raw(field)
        if (found === undefined || typeof found === 'boolean') return found ?? otherwise
        wrong(join(field), 'true or false', found)
        return otherwise
      },
      oneOf<T extends string>(field: string, choices: readonly T[], otherwise?: T): T {
        const found = raw(field)
        if (choices.includes(found as T)) return found as T
        if (found !== undefined) wrong(join(field), `one of ${choices.join(', ')}`, found)
        else if (otherwise === undefined) missing(field)
        return otherwise ?? (choices[0] as T)
      },
      texts(field) {
        const found = raw(field)
        if (found === undefined) return []
        if (Array.isArray(found) && found.every((item) => typeof item === 'string')) return found
        wrong(join(field), 'a list of texts', found)
        return []
      },
      numbers(field) {
        const found = raw(field) ?? []
        const whole = (item: unknown) => Number.isInteger(item) && (item as number) >= 0
        if (Array.isArray(found) && found.every(whole)) return found as number[]
        wrong(join(field), 'a list of whole numbers', found)
        return []
      },
      list(field) {
        const found = raw(field)
        if (found === undefined) return []
        if (Array.isArray(found)) {
          return found.map((item, index) =>
            readerOf(item, { file, path: `${join(field)}[${index}]` }, complain),
          )
        }
        wrong(join(field), 'a list', found)
        return []
      },
      neededList(field) {
        if (raw(field) === undefined) missing(field)
        return reader.list(field)
      },
      child: (field) => readerOf(raw(field), { file, path: join(field) }, complain),
    }
    return reader
  }
  return { file, path, complain, record }
}
