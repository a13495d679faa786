/**
 * Evaluating one Nickel file of a workspace with the engine of this house. Loaded on first use: a
 * command that reads no Nickel does not load the evaluator.
 *
 * Where an import is looked for: beside the importing file, in the workspace, in
 * NICKEL_IMPORT_PATH, in the roots of installed plugins, and last among the schemas that Prov
 * bundles, by the path relative to the workspace (D-20).
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import type { JsonValue } from '../json.ts'
import { fromNickelError } from './ncl-errors.ts'

export interface EvaluateOptions {
  /** Workspace root, absolute. */
  readonly workspace: string
  /** Nickel roots of plugins, absolute. */
  readonly roots: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Throws PROV_NCL_* with file, line and column. */
export async function evaluateFile(
  file: string,
  options: EvaluateOptions,
): Promise<{ readonly value: JsonValue; readonly warnings: readonly string[] }> {
  const nickel = await import('../nickel/index.ts')
  try {
    const evaluation = nickel.evaluate(file, {
      ...importOptions(options),
    })
    return { value: nickel.exportJson(evaluation), warnings: evaluation.warnings }
  } catch (thrown) {
    throw fromNickelError(thrown) ?? thrown
  }
}

/** Where imports of a workspace are looked for: what `prov ncl export` uses, too. */
export function importOptions(options: EvaluateOptions) {
  return {
    importPaths: importPaths(options),
    bundled: bundledIn(options.roots),
    workspace: options.workspace,
  }
}

/** Folders where imports are looked for, in order. */
export function importPaths({ workspace, roots, env }: EvaluateOptions): readonly string[] {
  const listed = (env['NICKEL_IMPORT_PATH'] ?? '')
    .split(delimiter)
    .filter((path) => path !== '')
    .map((path) => (isAbsolute(path) ? path : resolve(workspace, path)))
  return [...new Set([workspace, ...listed, ...roots])]
}

/** A bundled file stands in for one that the workspace lacks; found by the path it would have there. */
export function bundledIn(roots: readonly string[]) {
  return (request: string, relativeToWorkspace: string): string | undefined =>
    [relativeToWorkspace, request]
      .filter((path) => path !== '' && !isAbsolute(path) && !path.split('/').includes('..'))
      .flatMap((path) => roots.map((root) => join(root, path)))
      .find((path) => existsSync(path))
}
