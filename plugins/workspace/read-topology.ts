/** `.ontology/provisioning.ncl`: units, clusters, gates on edges, operation types. @module */
import type { Tier } from 'prov'
import type { Reader, RecordReader } from './fields.ts'
import type { ClusterDecl, Edge, GateDecl, OpTypeDecl, UnitDecl } from './model.ts'
import { readEdgeGates } from './read-gates.ts'

export interface Topology {
  readonly name?: string
  readonly units: readonly UnitDecl[]
  readonly edges: readonly Edge[]
  readonly clusters: readonly ClusterDecl[]
  readonly gates: readonly GateDecl[]
  readonly opTypes: readonly OpTypeDecl[]
}

/** What the originals call the sizes of one provider, on the abstract ladder (D-5). */
const tierAliases: Readonly<Record<string, Tier>> = { cx22: 's', cx32: 'm', cx42: 'l', cx52: 'xl' }

export function readTopology(file: Reader): Topology {
  const record = file.record(['workspace', 'units', 'clusters', 'gates', 'op_types'])
  if (!record) return { units: [], edges: [], clusters: [], gates: [], opTypes: [] }
  const name = record.maybeText('workspace')
  const edges = new Map<string, Edge>()
  const keep = (edge: Edge) => edges.set(JSON.stringify([edge.from, edge.to]), edge)
  const units = record.list('units').flatMap((item) => {
    const unit = item.record([
      'id',
      'name',
      'description',
      'external',
      'upstream',
      'downstream',
      'node',
    ])
    if (!unit) return []
    const id = unit.text('id')
    const node = unit.maybeText('node')
    // An edge may be said from either end, or from both.
    for (const from of unit.texts('upstream')) keep({ from, to: id })
    for (const to of unit.texts('downstream')) keep({ from: id, to })
    return [
      {
        id,
        name: unit.text('name', '') || id,
        description: unit.text('description', ''),
        external: unit.flag('external', false),
        ...(node && { node }),
      },
    ]
  })
  const clusters = record.list('clusters').flatMap((item) => {
    const cluster = item.record(['id', 'type', 'region', 'units'])
    if (!cluster) return []
    return [
      {
        id: cluster.text('id'),
        type: cluster.text('type'),
        region: cluster.text('region'),
        units: cluster.texts('units'),
      },
    ]
  })
  return {
    ...(name && { name }),
    units,
    edges: [...edges.values()],
    clusters,
    gates: readEdgeGates(record),
    opTypes: record.list('op_types').flatMap(readOpType),
  }
}

function readOpType(item: Reader): readonly OpTypeDecl[] {
  const op = item.record([
    'type',
    'targets',
    'description',
    'scope',
    'destructive',
    'achieves',
    'gains',
    'loses',
    'requires',
    'inverse',
    'run',
  ])
  if (!op) return []
  const inverse = op.maybeText('inverse')
  const run = op.has('run') ? readRun(op.child('run')) : undefined
  return [
    {
      type: op.text('type'),
      targets: op.texts('targets'),
      description: op.text('description', ''),
      scope: op.texts('scope'),
      destructive: op.flag('destructive', false),
      achieves: op.list('achieves').flatMap((move) => {
        const record = move.record(['dimension', 'from', 'to'])
        return record
          ? [
              {
                dimension: record.text('dimension'),
                from: record.text('from'),
                to: record.text('to'),
              },
            ]
          : []
      }),
      gains: op.texts('gains'),
      loses: op.texts('loses'),
      requires: op.texts('requires'),
      ...(inverse !== undefined && { inverse }),
      ...(run && { run }),
    },
  ]
}

const stepFields = [
  'id',
  'script',
  'depends_on',
  'timeout_ms',
  'attempts',
  'give_up_on',
  'undo',
] as const

function readRun(reader: Reader): OpTypeDecl['run'] {
  const run = reader.record(['provider', 'tier', 'priority', 'steps'])
  if (!run) return undefined
  const priority = run.number('priority')
  return {
    provider: run.text('provider'),
    tier: readTier(run),
    ...(priority !== undefined && { priority }),
    steps: run.list('steps').flatMap((item) => {
      const step = item.record(stepFields)
      if (!step) return []
      const dependsOn = step.texts('depends_on')
      const timeoutMs = step.number('timeout_ms')
      const attempts = step.number('attempts')
      const giveUpOn = step.numbers('give_up_on')
      const undo = step.maybeText('undo')
      return [
        {
          id: step.text('id'),
          script: step.text('script'),
          ...(dependsOn.length > 0 && { dependsOn }),
          ...(timeoutMs !== undefined && { timeoutMs }),
          ...(attempts !== undefined && { attempts }),
          ...(giveUpOn.length > 0 && { giveUpOn }),
          ...(undo !== undefined && { undo }),
        },
      ]
    }),
  }
}

function readTier(run: RecordReader): Tier {
  const tier = run.oneOf(
    'tier',
    ['s', 'm', 'l', 'xl', 'cx22', 'cx32', 'cx42', 'cx52'] as const,
    's',
  )
  return tierAliases[tier] ?? (tier as Tier)
}
