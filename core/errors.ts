/**
 * The one error class and the one table. A failure is a row: a code that is never renamed or
 * reused, who decides next (its disposition), what it says and a remedy that names a command or a
 * file. Each room keeps its own rows in its own `errors.ts`; they all land in one table, so a test
 * and `prov help errors` can list every way that Prov can say no.
 *
 * Why a table over a class tree: the disposition decides what the supervisor, the bus and the exit
 * code do, and it must be readable in one place.
 *
 * @module
 */
import { types } from 'node:util'
import type { JsonObject, JsonValue } from './json.ts'

const { isProxy } = types

/** Who decides what happens next; exit codes and supervision follow from it (see `exitCodes`). */
export type Disposition =
  | 'usage' // the person typing
  | 'blocked' // a gate or condition: the world must move first
  | 'refuse' // policy or authorization: asking again changes nothing
  | 'held' // an approver
  | 'conflict' // the submitter: the state moved, plan again
  | 'retry' // time
  | 'unknown' // nobody yet: the effect may have happened, look before acting
  | 'fail' // the person responsible: the work itself failed
  | 'crash' // us: an invariant broke

/** Process exit codes by disposition; 0 is success, 2 is "changes pending", 130 is interrupted. */
export const exitCodes: Readonly<Record<Disposition, number>> = {
  usage: 64,
  blocked: 3,
  refuse: 4,
  held: 5,
  conflict: 6,
  retry: 7,
  unknown: 8,
  fail: 1,
  crash: 70,
}

/** One row of the table. `text` and `remedy` may depend on the detail; both are shown to people. */
export interface ErrorRow<D extends object> {
  readonly disposition: Disposition
  readonly text: (detail: D) => string
  /** What to do now. Names a command or a file; an example path is fine. */
  readonly remedy: string | ((detail: D) => string)
}

/** Where the trouble sits, in a file that a person can open. Lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/** What `--json`, HTTP and MCP print for an error. */
export interface ErrorReport {
  readonly code: string
  readonly disposition: Disposition
  readonly message: string
  readonly remedy: string
  readonly place?: Place
  readonly detail: JsonObject
  readonly cause?: string
}

const brand = Symbol.for('prov.error')

/**
 * The one error of Prov. Made by the functions that `defineErrors` returns, never by `new` outside
 * this file. `detail` is plain data that is safe to log: secrets never reach it.
 */
export class ProvError extends Error {
  override readonly name = 'ProvError'
  readonly [brand] = true
  readonly code: string
  readonly disposition: Disposition
  readonly remedy: string
  readonly detail: JsonObject
  readonly place: Place | undefined

  constructor(
    code: string,
    row: { disposition: Disposition; message: string; remedy: string },
    detail: JsonObject,
    options: RaiseOptions = {},
  ) {
    super(row.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.disposition = row.disposition
    this.remedy = row.remedy
    this.detail = detail
    this.place = options.place
  }

  /** The process exit code of this error's disposition. */
  get exitCode(): number {
    return exitCodes[this.disposition]
  }

  /** The report that every face prints; never a stack, never a secret. */
  toJSON(): ErrorReport {
    return {
      code: this.code,
      disposition: this.disposition,
      message: this.message,
      remedy: this.remedy,
      ...(this.place && { place: this.place }),
      detail: this.detail,
      ...(isError(this.cause) && { cause: textOf(this.cause) }),
    }
  }

  /** True for an error made by any copy of this library; identity is never `instanceof`. */
  static is(value: unknown): value is ProvError {
    return isReadable(value) && brand in value
  }
}

export interface RaiseOptions {
  readonly cause?: unknown
  readonly place?: Place | undefined
}

/** Makes the error of one row; the caller throws or stores it. */
export type Raise<D extends object> = (detail: D, options?: RaiseOptions) => ProvError

// Rows are stored with the widest detail type; the typed face is the function `defineErrors` makes.
type AnyRow = ErrorRow<never>
const table = new Map<string, AnyRow>()

/** Codes that once existed; they are never given out again. */
export const retiredCodes: ReadonlySet<string> = new Set<string>()

/**
 * Registers rows and returns one typed maker per code: `throw errors.PROV_JOURNAL_LOCKED({ … })`.
 * Throws PROV_ERROR_CODE_TAKEN when another row already has a code, so two plugins cannot share one.
 */
export function defineErrors<R extends Record<string, object>>(rows: {
  readonly [K in keyof R]: ErrorRow<R[K]>
}): { readonly [K in keyof R]: Raise<R[K]> } {
  const makers: Partial<Record<keyof R, unknown>> = {}
  for (const code of Object.keys(rows) as (keyof R & string)[]) {
    const row = rows[code]
    const known = table.get(code)
    if ((known && known !== (row as unknown as AnyRow)) || retiredCodes.has(code)) {
      throw coreErrors.PROV_ERROR_CODE_TAKEN({ code })
    }
    table.set(code, row as unknown as AnyRow)
    makers[code] = (detail: R[typeof code], options?: RaiseOptions) =>
      new ProvError(
        code,
        {
          disposition: row.disposition,
          message: row.text(detail),
          remedy: typeof row.remedy === 'string' ? row.remedy : row.remedy(detail),
        },
        detail as unknown as JsonObject,
        options,
      )
  }
  return makers as { readonly [K in keyof R]: Raise<R[K]> }
}

/** Every row known so far, by code: core's, the plugins', the extensions'. */
export function errorTable(): ReadonlyMap<string, { readonly disposition: Disposition }> {
  return table
}

/** Rows that belong to no room in particular. */
export const coreErrors = defineErrors<{
  PROV_ERROR_CODE_TAKEN: { code: string }
  PROV_INTERNAL: { what: string }
  PROV_INTERRUPTED: { signal: string }
}>({
  PROV_ERROR_CODE_TAKEN: {
    disposition: 'usage',
    text: ({ code }) => `error code ${code} is already taken or was retired`,
    remedy: 'choose a code of your own; `prov help errors` lists the taken ones',
  },
  PROV_INTERNAL: {
    disposition: 'crash',
    text: ({ what }) => `Prov broke one of its own rules: ${what}`,
    remedy: 'run `prov doctor --json` and report its output with this message',
  },
  PROV_INTERRUPTED: {
    disposition: 'retry',
    text: ({ signal }) => `interrupted by ${signal}; what was accepted is kept`,
    remedy: 'run the same command again, or `prov op list` to see what was accepted',
  },
})

/** True for an error that can be looked at without harm. */
export const isError = (value: unknown): value is Error =>
  isReadable(value) && value instanceof Error

/** A proxy may do anything when it is looked at, each time something else; so may what is made of one. */
function isReadable(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  for (let at: unknown = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (isProxy(at)) return false
  }
  return true
}

/** Any thrown value as a ProvError; foreign ones become PROV_INTERNAL with their message as cause. */
export function asProvError(thrown: unknown): ProvError {
  if (ProvError.is(thrown)) return thrown
  const what = textOf(thrown)
  return coreErrors.PROV_INTERNAL({ what }, { cause: thrown })
}

const unreadable = 'something that cannot be read'

/** What is kept of a text that was thrown: a message of megabytes costs whoever tells of it. */
const longestText = 4_000

/**
 * What a thrown thing says, at most 4,000 characters of it. Never throws, though anything may be
 * thrown, also what has no text.
 */
export function textOf(thrown: unknown): string {
  try {
    return String(isError(thrown) ? thrown.message : thrown).slice(0, longestText)
  } catch {
    return unreadable
  }
}

/** What a thrown thing says for itself, in its author's words; also what is no error. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    if (ProvError.is(thrown)) return isError(thrown.cause) ? textOf(thrown.cause) : thrown.message
    // Errors of children arrive as data.
    const said = (thrown as { readonly message?: unknown } | null | undefined)?.message
    if (typeof said === 'string') return textOf(said)
  } catch {
    // A message that cannot be read is none.
  }
  return textOf(thrown)
}

/** The error that a report tells of, as another thread or process met it. */
export function errorFrom(report: ErrorReport): ProvError {
  const { code, disposition, message, remedy, detail, place, cause } = report
  const own = cause === undefined ? undefined : new Error(cause)
  return new ProvError(code, { disposition, message, remedy }, detail, { place, cause: own })
}

/** A JSON value that stands for a thrown thing in a record: code and message, nothing secret. */
export function errorRecord(thrown: unknown): { code: string; message: string; detail: JsonValue } {
  const error = asProvError(thrown)
  return { code: error.code, message: error.message, detail: error.detail }
}
