/**
 * Reading a file that decides about rights: from source, now, and only when it states and computes
 * nothing. No cache and no search path stands between the text and the value; the schemas it may
 * import are the installed ones, whatever lies in the workspace under their names.
 *
 * @module
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ProvError } from '../errors.ts'
import type { Place } from '../errors.ts'
import { digestOfText } from '../json.ts'
import type { JsonValue } from '../json.ts'
import type { Bytes } from '../units.ts'
import { configErrors } from './errors.ts'
import { fromNickelError } from './ncl-errors.ts'

/** What a stating file says, and what it was read under. */
export interface Declaration {
  readonly value: JsonValue
  /** Digest of each imported file by its name in the import; together with the value, all there is. */
  readonly imports: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  /** Where a value stands, or the innermost one around it that the text shows. */
  readonly placeOf: (path: readonly (string | number)[]) => Place
}

export interface DeclarationOptions {
  /** Imports that may appear, as written between the quotes. */
  readonly allowedImports: readonly string[]
  /** Longest file. Default: any. */
  readonly longestBytes?: Bytes | undefined
}

/**
 * Throws PROV_CONFIG_NOT_DECLARATIVE with the place of the first function or foreign import, and
 * PROV_NCL_* as `evaluate` does; PROV_CONFIG_FILE_UNREADABLE for a folder or what is too long.
 */
export async function readDeclaration(
  place: { readonly workspace: string; readonly path: string; readonly roots: readonly string[] },
  { allowedImports, longestBytes = Infinity }: DeclarationOptions,
): Promise<Declaration> {
  const { workspace, path, roots } = place
  const file = join(workspace, path)
  const source = textOf(file, path, longestBytes)
  const nickel = await import('../nickel/index.ts')
  const finding = nickel
    .lintDeclarative(source, file, { allowedImports })
    .find(({ rule }) => rule !== 'parse')
  if (finding) {
    const { line, col: column, message: what } = finding
    const at = { place: { file, line, column } }
    throw configErrors.PROV_CONFIG_NOT_DECLARATIVE({ file: path, what }, at)
  }
  const used = allowedImports.filter((name) => source.includes(JSON.stringify(name)))
  // Evaluated as if it lay beside the installed schemas: the next file wins over every search path.
  const home = roots.find((root) => used.every((name) => existsSync(join(root, name))))
  const name = join(home ?? workspace, basename(path))
  const imports: Record<string, string> = {}
  const warnings: string[] = []
  for (const schema of used) {
    const installed = join(home ?? workspace, schema)
    if (existsSync(installed)) imports[schema] = digestOfText(readFileSync(installed))
    const own = join(workspace, schema)
    if (home === undefined || !existsSync(own)) continue
    if (digestOfText(readFileSync(own)) !== imports[schema]) {
      warnings.push(`${own} differs from the installed schema and is not used for ${path}`)
    }
  }
  try {
    const value = nickel.exportJson(nickel.evaluate({ source, name }, { workspace })) as JsonValue
    const placeOf = (of: readonly (string | number)[]): Place => {
      const { line, col: column } = nickel.locate(source, file, of)
      return { file, line, column }
    }
    return { value, imports, warnings, placeOf }
  } catch (thrown) {
    const error = fromNickelError(thrown)
    if (!error) throw thrown
    if (error.place?.file === name) Object.assign(error, { place: { ...error.place, file } })
    throw error
  }
}

function textOf(file: string, path: string, longestBytes: Bytes): string {
  const refuse = (what: string, cause?: unknown) =>
    configErrors.PROV_CONFIG_FILE_UNREADABLE({ file: path, what }, { place: { file }, cause })
  try {
    const stat = statSync(file)
    if (!stat.isFile()) throw refuse('it is no file')
    if (stat.size > longestBytes) throw refuse(`${stat.size} bytes; at most ${longestBytes}`)
    return readFileSync(file, 'utf8')
  } catch (thrown) {
    if (ProvError.is(thrown)) throw thrown
    throw refuse((thrown as NodeJS.ErrnoException).code ?? String(thrown), thrown)
  }
}
