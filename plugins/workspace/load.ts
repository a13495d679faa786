/**
 * The model of a workspace from its files: evaluated once per set of files, checked as a whole, and
 * with every complaint put at the line where the name stands.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject, JsonValue, ProvError, WorkspaceFiles } from 'prov'
import { workspaceErrors } from './errors.ts'
import { workspaceFiles } from './files.ts'
import type { WorkspaceFile } from './files.ts'
import type { WorkspaceModel } from './model.ts'
import { parseWorkspace } from './parse.ts'

export interface LoadedWorkspace {
  readonly model: WorkspaceModel
  /** Odd, but nothing that would make an answer wrong. */
  readonly warnings: readonly ProvError[]
}

const loaded = new WeakMap<WorkspaceFiles, Promise<LoadedWorkspace>>()

/** Throws PROV_NCL_* for a file that does not evaluate, else the first of PROV_WORKSPACE_* and kin. */
export function loadWorkspace(files: WorkspaceFiles): Promise<LoadedWorkspace> {
  let coming = loaded.get(files)
  if (!coming) loaded.set(files, (coming = load(files)))
  return coming
}

async function load(files: WorkspaceFiles): Promise<LoadedWorkspace> {
  const exported: Partial<Record<WorkspaceFile, unknown>> = {}
  for (const [name, path] of Object.entries(workspaceFiles) as [WorkspaceFile, string][]) {
    if (files.has(path)) exported[name] = await files.evaluate(path)
  }
  const { model, errors, warnings } = parseWorkspace(exported)
  const [first] = errors
  if (first) throw located(first, files.root)
  return { model: { ...model, name: files.name }, warnings }
}

/**
 * The same error at the line of the name it complains about. The export has no positions any more,
 * so the name is looked for in the text: the last time it is said for ids said twice, else the first.
 */
function located(error: ProvError, root: string): ProvError {
  const { file, line } = error.place ?? {}
  const name = nameIn(error.detail)
  const raise = workspaceErrors[error.code as keyof typeof workspaceErrors]
  if (file === undefined || line !== undefined || name === undefined || !raise) return error
  let text: string
  try {
    text = readFileSync(join(root, file), 'utf8')
  } catch {
    // Without the text there is no line to name; the file and the field path are in the message.
    return error
  }
  const at = error.code.endsWith('_TWICE') ? lastDeclared(text, name) : text.indexOf(name)
  if (at < 0) return error
  const before = text.slice(0, at).split('\n')
  const place = { file, line: before.length, column: (before.at(-1) as string).length + 1 }
  return (raise as (detail: JsonObject, options: object) => ProvError)(error.detail, { place })
}

/** Where an id is declared the last time; where it is merely used says nothing about the twin. */
function lastDeclared(text: string, name: string): number {
  const declared = [...text.matchAll(/\bid\s*=\s*/g)]
    .map(({ index, 0: said }) => index + said.length)
    .filter((at) => text.startsWith(name, at))
  return declared.at(-1) ?? text.lastIndexOf(name)
}

/** What the complaint is about, as it reads in the file: an id, the first one of a circle, a field. */
function nameIn(detail: JsonObject): string | undefined {
  const { id, units, gates, steps, field } = detail
  const circle = [units, gates, steps].find(Array.isArray) as readonly JsonValue[] | undefined
  const named = id ?? circle?.[0]
  if (typeof named === 'string') return JSON.stringify(named)
  return typeof field === 'string' ? field : undefined
}
