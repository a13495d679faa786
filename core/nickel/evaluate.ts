/**
 * The face of the evaluator: load, evaluate, export, and say what it depended on.
 *
 * @module
 */
import path from 'node:path'
import { guarded, type Budget } from './budget.ts'
import { fieldOf } from './compile-access.ts'
import { NickelError } from './error.ts'
import { plainToJson, plainToText, type ExportFormat, type JsonValue } from './export.ts'
import { Loader, type FileDependency, type ImportOptions } from './import.ts'
import { Lexer } from './lexer.ts'
import { toPlain, type Plain } from './plain.ts'
import { Source } from './source.ts'
import { force, type Lazy } from './value.ts'

/** Identity of this engine; part of every dependency manifest. Raised when results may change. */
export const ENGINE = { id: 'prov-embedded', version: '1' } as const

export interface EvaluateOptions extends ImportOptions {
  readonly budget?: Budget | undefined
}

/** A loaded program. Its fields are computed when they are asked for, and then kept. */
export interface Evaluation {
  /** Name of the main program, as error reports show it. */
  readonly name: string
  /** What did not go as written but did not fail either, such as a bundled import. */
  readonly warnings: readonly string[]
  /** For this room only. */
  readonly internal: { readonly value: Lazy; readonly loader: Loader; readonly budget: Budget }
}

export interface ExportOptions {
  /** Export only this field: `a.b`, with quotes around names that are no identifiers. */
  readonly field?: string | undefined
}

/**
 * Loads a program with everything it imports and evaluates it far enough to know what it is.
 *
 * @throws NickelError of any kind but `export`
 */
export function evaluate(
  program: string | { readonly source: string; readonly name: string },
  options: EvaluateOptions = {},
): Evaluation {
  const loader = new Loader(options)
  const budget = options.budget ?? {}
  const value = placed(loader, budget, [], () => {
    const loaded =
      typeof program === 'string'
        ? loader.loadFile(program)
        : loader.loadSource(program.source, program.name)
    force(loaded)
    return loaded
  })
  return {
    name: typeof program === 'string' ? path.resolve(program) : program.name,
    warnings: loader.warnings,
    internal: { value, loader, budget },
  }
}

/**
 * Evaluates completely and answers JSON.
 *
 * @throws NickelError, of kind `export` when something is no data
 */
export function exportJson(evaluation: Evaluation, options: ExportOptions = {}): JsonValue {
  return plainToJson(plainOf(evaluation, options, true))
}

/** Evaluates completely and answers text, without a newline at the end. */
export function exportText(
  evaluation: Evaluation,
  format: ExportFormat,
  options: ExportOptions = {},
): string {
  const plain = plainOf(evaluation, options, format !== 'toml')
  return placed(evaluation.internal.loader, {}, [], () => plainToText(plain, format))
}

function plainOf(evaluation: Evaluation, options: ExportOptions, nulls: boolean): Plain {
  const { value, loader, budget } = evaluation.internal
  const way: string[] = []
  return placed(loader, budget, way, () => {
    let at = value
    if (options.field !== undefined) {
      const source = new Source('<field>', options.field)
      for (const { name, start, end } of fieldPath(source)) {
        const span = { source, start, end }
        at = fieldOf(force(at), name, span, span)
        way.push(name)
      }
    }
    return toPlain(at, { path: way, nulls })
  })
}

function fieldPath(source: Source): { name: string; start: number; end: number }[] {
  const lexer = new Lexer(source)
  const found: { name: string; start: number; end: number }[] = []
  for (;;) {
    const token = lexer.next()
    if (token.kind === 'quote') {
      let name = ''
      for (;;) {
        const chunk = lexer.textChunk(0, token.start)
        if (chunk.kind === 'close') break
        if (chunk.kind === 'interpolation')
          throw lexer.error('a field path is fixed text', token.start, lexer.at)
        name += chunk.text
      }
      found.push({ name, start: token.start, end: lexer.at })
    } else if (token.kind === 'name' || token.kind === 'keyword') {
      found.push({ name: token.text, start: token.start, end: token.end })
    } else throw lexer.error('expected a field name', token.start, token.end)
    const next = lexer.next()
    if (next.kind === 'end') return found
    if (next.text !== '.')
      throw lexer.error('expected `.` between field names', next.start, next.end)
  }
}

/** Runs within the budget and completes failures with path and import chain. */
function placed<T>(loader: Loader, budget: Budget, way: readonly string[], run: () => T): T {
  try {
    return guarded(budget, run)
  } catch (error) {
    if (!(error instanceof NickelError)) throw error
    error.path = wholePath(way, error.path)
    const { place } = error
    if (place !== undefined && error.importChain.length === 0)
      error.importChain = loader.chain(place.file)
    throw error
  }
}

/**
 * The path of a failure as seen from the top: the export walked to `way`, the failure names the end
 * of a path. Where the two do not meet, the failure lies elsewhere and its own path is kept.
 */
function wholePath(way: readonly string[], own: readonly string[]): readonly string[] {
  const [first] = own
  if (first === undefined) return way
  const at = way.lastIndexOf(first)
  if (at === -1) return own
  const rest = way.slice(at)
  return [...way.slice(0, at), ...(own.length > rest.length ? own : rest)]
}

/** Everything a result depends on, so that a cache can tell whether it still holds. */
export interface Dependencies {
  readonly engine: { readonly id: string; readonly version: string }
  /** Every file read, the main one first. */
  readonly files: readonly FileDependency[]
  /** Every path that was looked at and absent; one appearing may change the result. */
  readonly misses: readonly string[]
}

export function dependencies(evaluation: Evaluation): Dependencies {
  const { loader } = evaluation.internal
  return { engine: ENGINE, files: loader.files, misses: loader.misses }
}
