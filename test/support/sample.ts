/** Workspaces of the repository, exported with Prov's own evaluator the way the host does it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { importOptions } from '../../core/config/evaluate.ts'
import { evaluate, exportJson } from '../../core/nickel/index.ts'
import type { ExportedFiles } from '../../plugins/workspace/parse.ts'
import { workspaceFiles } from '../../plugins/workspace/files.ts'
import { repoRoot } from './root.ts'

/** Where Prov's own schemas and defaults are. */
export const bundledRoot = join(repoRoot, 'extensions/provisioning/ncl')
export const sampleFolder = join(repoRoot, 'extensions/provisioning/sample')
export const originalFolder = join(repoRoot, 'test/fixtures/ontoref-workspace')

export interface Exported {
  readonly files: ExportedFiles
  readonly warnings: readonly string[]
}

export function nickelOptions(workspace: string) {
  return importOptions({ workspace, roots: [bundledRoot], env: {} })
}

/** The value of one file. */
export function exportFile(workspace: string, path: string): unknown {
  return exportJson(evaluate(join(workspace, path), nickelOptions(workspace)))
}

/** The value of a source text, as if it stood in the sample workspace. */
export function exportSource(source: string): unknown {
  return exportJson(evaluate({ source, name: 'test.ncl' }, nickelOptions(sampleFolder)))
}

export function exportWorkspace(workspace: string): Exported {
  const files: Record<string, unknown> = {}
  const warnings: string[] = []
  for (const [name, path] of Object.entries(workspaceFiles)) {
    if (!existsSync(join(workspace, path))) continue
    const evaluation = evaluate(join(workspace, path), nickelOptions(workspace))
    files[name] = exportJson(evaluation)
    warnings.push(...evaluation.warnings)
  }
  return { files, warnings }
}
