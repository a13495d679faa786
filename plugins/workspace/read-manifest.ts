/** `.ontology/manifest.ncl`, `core.ncl` and `connections.ncl`: what this is, and with whom. @module */
import type { Reader } from './fields.ts'
import type {
  CapabilityDecl,
  NodeDecl,
  NodeEdge,
  ProjectConnection,
  RequirementDecl,
  WorkspaceModel,
} from './model.ts'
import { categories } from './model.ts'

export interface Manifest {
  readonly project: string
  readonly kind: string
  readonly description: string
  readonly capabilities: readonly CapabilityDecl[]
  readonly requirements: readonly RequirementDecl[]
}

/**
 * The manifest. Fields that are not known are left alone: not all shapes of the original are known,
 * and a repository's description of itself should load.
 */
export function readManifest(file: Reader): Manifest {
  const record = file.record(undefined)
  if (!record) return { project: '', kind: '', description: '', capabilities: [], requirements: [] }
  return {
    project: record.text('project'),
    kind: record.text('repo_kind'),
    description: record.text('description', ''),
    capabilities: record.list('capabilities').flatMap((item) => {
      const one = item.record(undefined)
      if (!one) return []
      const id = one.text('id')
      return [
        {
          id,
          name: one.text('name', '') || id,
          summary: one.text('summary', ''),
          category: one.oneOf('category', categories, 'Service'),
          nodes: one.texts('nodes'),
        },
      ]
    }),
    requirements: record.list('requirements').flatMap((item) => {
      const one = item.record(undefined)
      if (!one) return []
      const id = one.text('id')
      return [
        {
          id,
          name: one.text('name', '') || id,
          category: one.oneOf('category', categories, 'Service'),
          kind: one.text('kind', 'Service'),
          impact: one.text('impact', ''),
          provision: one.text('provision', ''),
          capability: one.text('capability', id),
        },
      ]
    }),
  }
}

/** The core ontology. */
export function readCore(file: Reader): {
  readonly nodes: readonly NodeDecl[]
  readonly edges: readonly NodeEdge[]
} {
  const record = file.record(['nodes', 'edges'])
  const nodes = (record?.neededList('nodes') ?? []).flatMap((item) => {
    const node = item.record([
      'id',
      'name',
      'level',
      'pole',
      'description',
      'invariant',
      'artifact_paths',
      'adrs',
    ])
    if (!node) return []
    const id = node.text('id')
    return [
      {
        id,
        name: node.text('name', '') || id,
        level: node.text('level'),
        pole: node.text('pole', 'Yang'),
        description: node.text('description', ''),
        invariant: node.flag('invariant', false),
        artifactPaths: node.texts('artifact_paths'),
        adrs: node.texts('adrs'),
      },
    ]
  })
  const edges = (record?.list('edges') ?? []).flatMap((item) => {
    const edge = item.record(undefined)
    if (!edge) return []
    return [
      {
        from: edge.text('from'),
        to: edge.text('to'),
        kind: edge.text('kind', 'DependsOn'),
        upholds: edge.texts('upholds'),
        note: edge.text('note', ''),
      },
    ]
  })
  return { nodes, edges }
}

/** Connections to other projects. */
export function readProjects(file: Reader): WorkspaceModel['projects'] {
  const record = file.record(['upstream', 'downstream', 'peers'])
  const list = (field: string): readonly ProjectConnection[] =>
    (record?.list(field) ?? []).flatMap((item) => {
      const one = item.record(['project', 'node', 'via', 'kind', 'note'])
      return one
        ? [
            {
              project: one.text('project'),
              node: one.text('node', ''),
              via: one.text('via', 'local'),
              kind: one.text('kind', 'Unspecified'),
              note: one.text('note', ''),
            },
          ]
        : []
    })
  return { upstream: list('upstream'), downstream: list('downstream'), peers: list('peers') }
}
