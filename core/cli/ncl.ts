/**
 * Where a Nickel file named on the command line lies and where its imports are looked for: in the
 * workspace around it, or beside it when there is none.
 *
 * @module
 */
import { dirname, resolve } from 'node:path'
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
