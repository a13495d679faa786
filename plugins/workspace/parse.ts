/**
 * From exported files to the model of a workspace: unknown in, typed out, everything that is wrong
 * named with its code, file and field. Pure: evaluating Nickel is the caller's business.
 *
 * @module
 */
import type { ProvError } from 'prov'
import { checkModel } from './check.ts'
import { workspaceErrors } from './errors.ts'
import type { Reader } from './fields.ts'
import { readerOf } from './fields.ts'
import { fileContents, requiredFiles, workspaceFiles } from './files.ts'
import type { WorkspaceFile } from './files.ts'
import type { WorkspaceModel } from './model.ts'
import { readBacklog } from './read-backlog.ts'
import { readMembranes } from './read-gates.ts'
import { readCore, readManifest, readProjects } from './read-manifest.ts'
import { readDimensions } from './read-state.ts'
import { readTopology } from './read-topology.ts'

/** Exported values by file; a key that is absent means that the file is. */
export type ExportedFiles = { readonly [K in WorkspaceFile]?: unknown }

export interface WorkspaceReading {
  /** As far as it could be read; only to be relied on when there are no errors. */
  readonly model: WorkspaceModel
  readonly errors: readonly ProvError[]
  /** Odd, but nothing that would make an answer wrong. */
  readonly warnings: readonly ProvError[]
}

const nothing: Readonly<Record<WorkspaceFile, unknown>> = {
  manifest: { project: '', repo_kind: '' },
  state: { dimensions: [] },
  gate: { membranes: [] },
  core: { nodes: [], edges: [] },
  connections: {},
  provisioning: {},
  backlog: { items: [] },
}

/** Reads a workspace. Never throws: it says everything that is wrong. */
export function parseWorkspace(files: ExportedFiles): WorkspaceReading {
  const errors: ProvError[] = []
  const warnings: ProvError[] = []
  for (const name of requiredFiles) {
    if (files[name] !== undefined) continue
    const file = workspaceFiles[name]
    errors.push(
      workspaceErrors.PROV_WORKSPACE_FILE_MISSING(
        { file, holds: fileContents[name] },
        { place: { file } },
      ),
    )
  }
  const reader = (name: WorkspaceFile): Reader =>
    readerOf(
      files[name] === undefined ? nothing[name] : files[name],
      { file: workspaceFiles[name] },
      (error) => errors.push(error),
    )
  const manifest = readManifest(reader('manifest'))
  const dimensions = readDimensions(reader('state'))
  const membranes = readMembranes(reader('gate'))
  const core = readCore(reader('core'))
  const projects = readProjects(reader('connections'))
  const topology = readTopology(reader('provisioning'))
  const backlog = readBacklog(reader('backlog'))
  const model: WorkspaceModel = {
    name: topology.name ?? manifest.project,
    kind: manifest.kind,
    description: manifest.description,
    dimensions,
    gates: [...membranes, ...topology.gates],
    nodes: core.nodes,
    nodeEdges: core.edges,
    capabilities: manifest.capabilities,
    requirements: manifest.requirements,
    projects,
    units: topology.units,
    edges: topology.edges,
    clusters: topology.clusters,
    opTypes: topology.opTypes,
    backlog,
  }
  checkModel(
    model,
    (error) => errors.push(error),
    (warning) => warnings.push(warning),
  )
  return { model, errors, warnings }
}

/** The model, when nothing is wrong. Throws the first error; `parseWorkspace` has them all. */
export function modelOf(files: ExportedFiles): WorkspaceModel {
  const { model, errors } = parseWorkspace(files)
  const [first] = errors
  if (first) throw first
  return model
}
