/**
 * Where a Nickel file named on the command line lies and where its imports are looked for: in the
 * workspace around it, or beside it when there is none.
 *
 * @module
 */
import { statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { bundledIn, importPaths } from '../config/evaluate.ts'
import type { EvaluateOptions } from '../config/evaluate.ts'
import { findWorkspace } from '../config/workspace.ts'
import { discoverPlugins } from '../plugin/discover.ts'
import type { CommandContext } from './command.ts'

export function nickelPlace(
  file: string,
  { cwd, env }: CommandContext,
): { readonly path: string; readonly place: EvaluateOptions } {
  const path = resolve(cwd, file)
  const root = findWorkspace(dirname(path)) ?? findWorkspace(cwd)
  const { nickel } = discoverPlugins({ workspace: root })
  return { path, place: { workspace: root ?? dirname(path), roots: nickel, env } }
}

/** Says of an import in a file, as it is written there, whether Prov itself brings what it names. */
export function bringsImport(file: string, place: EvaluateOptions): (request: string) => boolean {
  const own = discoverPlugins().nickel
  const folders = [dirname(file), ...importPaths(place)]
  // The same order as when it is evaluated: a file of the workspace by that name is not ours.
  return (request) => {
    const there = folders.map((folder) => resolve(folder, request)).find(isFile)
    const beside = relative(place.workspace, resolve(dirname(file), request))
    const found = there ?? bundledIn(own)(request, beside)
    return found !== undefined && own.some((root) => !relative(root, found).startsWith('..'))
  }
}

const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true
