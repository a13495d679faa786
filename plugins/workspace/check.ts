/**
 * What no file can see alone: names that point at nothing, ids said twice, circles. Complaints about
 * the files of a workspace, in the order of the files.
 *
 * @module
 */
import { nearest } from 'prov'
import type { ProvError } from 'prov'
import { leavesOf } from 'prov/policies'
import { workspaceErrors } from './errors.ts'
import { cycleIn } from './graph.ts'
import type { DimensionDecl, GateDecl, OpTypeDecl, WorkspaceModel } from './model.ts'
import { workspaceFiles } from './files.ts'

type Complain = (error: ProvError) => void

/** What is wrong between the files. `warn` gets what is odd but harmless. */
export function checkModel(model: WorkspaceModel, complain: Complain, warn: Complain): void {
  const { provisioning, manifest, core, backlog } = workspaceFiles
  unique(model.units, 'unit', provisioning, 'units', complain)
  unique(model.clusters, 'cluster', provisioning, 'clusters', complain)
  unique(model.capabilities, 'capability', manifest, 'capabilities', complain)
  unique(model.requirements, 'requirement', manifest, 'requirements', complain)
  unique(model.nodes, 'node', core, 'nodes', complain)
  unique(model.backlog, 'backlog item', backlog, 'items', complain)
  checkUnits(model, complain)
  checkGates(model, complain, warn)
  checkOpTypes(model, complain)
  checkCore(model, warn)
  const dimensions = model.dimensions.map((one) => one.id)
  model.dimensions.forEach((dimension, at) => {
    for (const id of dimension.coupledWith) {
      if (dimensions.includes(id)) continue
      const path = `dimensions[${at}].coupled_with`
      warn(missing('PROV_DIMENSION_UNKNOWN', workspaceFiles.state, path, id, dimensions))
    }
  })
  model.backlog.forEach((item, at) => {
    if (item.relatedDim === undefined || dimensions.includes(item.relatedDim)) return
    const path = `items[${at}].related_dim`
    warn(missing('PROV_DIMENSION_UNKNOWN', backlog, path, item.relatedDim, dimensions))
  })
}

type DanglingCode =
  | 'PROV_DIMENSION_UNKNOWN'
  | 'PROV_GATE_UNKNOWN'
  | 'PROV_CONNECTIONS_UNIT_UNKNOWN'
  | 'PROV_CORE_NODE_UNKNOWN'
  | 'PROV_OP_STEP_UNKNOWN'
  | 'PROV_OP_INVERSE_UNKNOWN'

function missing(
  code: DanglingCode,
  file: string,
  path: string,
  id: string,
  known: readonly string[],
): ProvError {
  const suggestion = nearest(id, known)
  const detail = { file, path, id, known, ...(suggestion && { suggestion }) }
  return workspaceErrors[code](detail, { place: { file } })
}

function unique(
  items: readonly { readonly id: string }[],
  what: string,
  file: string,
  list: string,
  complain: Complain,
): void {
  const first = new Map<string, string>()
  items.forEach(({ id }, at) => {
    const path = `${list}[${at}]`
    const known = first.get(id)
    if (known === undefined) return void first.set(id, path)
    complain(
      workspaceErrors.PROV_WORKSPACE_ID_TWICE(
        { file, path, what, id, first: known },
        { place: { file } },
      ),
    )
  })
}

function checkUnits(model: WorkspaceModel, complain: Complain): void {
  const file = workspaceFiles.provisioning
  const units = model.units.map((unit) => unit.id)
  const unknown = (path: string, id: string) =>
    complain(missing('PROV_CONNECTIONS_UNIT_UNKNOWN', file, path, id, units))
  for (const { from, to } of model.edges) {
    if (!units.includes(from)) unknown(`units, upstream of ${to}`, from)
    if (!units.includes(to)) unknown(`units, downstream of ${from}`, to)
  }
  model.clusters.forEach((cluster, at) => {
    for (const id of cluster.units) {
      if (!units.includes(id)) unknown(`clusters[${at}].units`, id)
    }
  })
  const cycle = cycleIn(model.edges)
  if (cycle) {
    complain(
      workspaceErrors.PROV_CONNECTIONS_CYCLE(
        { file, path: 'units', units: cycle },
        { place: { file } },
      ),
    )
  }
}

function checkGates(model: WorkspaceModel, complain: Complain, warn: Complain): void {
  const first = new Map<string, string>()
  for (const gate of model.gates) {
    const { id, file } = gate
    const known = first.get(id)
    if (known === undefined) first.set(id, file)
    else {
      complain(
        workspaceErrors.PROV_GATE_TWICE(
          { file, path: `the gate ${id}`, id, first: `in ${known}` },
          { place: { file } },
        ),
      )
    }
    checkEdge(gate, model, complain)
    checkLeaves(gate, model, complain, warn)
  }
  const waits = model.gates.flatMap((gate) =>
    leavesOf(gate.condition).flatMap((leaf) =>
      'gate' in leaf ? [{ from: gate.id, to: leaf.gate }] : [],
    ),
  )
  const cycle = cycleIn(waits)
  if (cycle) {
    const file = model.gates.find((gate) => gate.id === cycle[0])?.file ?? workspaceFiles.gate
    complain(
      workspaceErrors.PROV_GATE_CYCLE({ file, path: 'gates', gates: cycle }, { place: { file } }),
    )
  }
}

function checkEdge(gate: GateDecl, model: WorkspaceModel, complain: Complain): void {
  const { edge, file, id } = gate
  if (!edge || model.edges.some((one) => one.from === edge.from && one.to === edge.to)) return
  complain(
    workspaceErrors.PROV_GATE_EDGE_UNKNOWN(
      { file, path: `the gate ${id}`, gate: id, from: edge.from, to: edge.to },
      { place: { file } },
    ),
  )
}

function checkLeaves(
  gate: GateDecl,
  model: WorkspaceModel,
  complain: Complain,
  warn: Complain,
): void {
  const { file } = gate
  const at = (id: string, known: readonly string[]) => {
    const suggestion = nearest(id, known)
    return {
      file,
      path: `the gate ${gate.id}`,
      gate: gate.id,
      id,
      known,
      ...(suggestion && { suggestion }),
    }
  }
  const place = { place: { file } }
  for (const leaf of leavesOf(gate.condition)) {
    if ('dimension' in leaf) {
      const names = model.dimensions.map((one) => one.id)
      const dimension = model.dimensions.find((one) => one.id === leaf.dimension)
      if (!dimension) {
        complain(workspaceErrors.PROV_GATE_DIMENSION_UNKNOWN(at(leaf.dimension, names), place))
        continue
      }
      const states = dimension.states.map((state) => state.id)
      for (const state of leaf.at) {
        if (states.length === 0 || states.includes(state)) continue
        complain(
          workspaceErrors.PROV_GATE_STATE_UNKNOWN(
            { ...at(state, states), dimension: dimension.id },
            place,
          ),
        )
      }
    } else if ('gate' in leaf) {
      const gates = model.gates.map((one) => one.id)
      if (!gates.includes(leaf.gate)) {
        complain(missing('PROV_GATE_UNKNOWN', file, `the gate ${gate.id}`, leaf.gate, gates))
      }
    } else if ('capability' in leaf) {
      const offered = [
        ...model.capabilities.map((one) => one.id),
        ...model.opTypes.flatMap((op) => op.gains),
      ]
      if (!offered.includes(leaf.capability)) {
        warn(workspaceErrors.PROV_GATE_CAPABILITY_UNKNOWN(at(leaf.capability, offered), place))
      }
    }
  }
}

function checkOpTypes(model: WorkspaceModel, complain: Complain): void {
  model.opTypes.forEach((op, at) => checkOpType(op, `op_types[${at}]`, model, complain))
}

function checkOpType(
  op: OpTypeDecl,
  path: string,
  model: WorkspaceModel,
  complain: Complain,
): void {
  const file = workspaceFiles.provisioning
  const dimensions = model.dimensions.map((one) => one.id)
  op.achieves.forEach((move, at) => {
    const where = `${path}.achieves[${at}]`
    const dimension = model.dimensions.find((one) => one.id === move.dimension)
    if (!dimension) {
      complain(missing('PROV_DIMENSION_UNKNOWN', file, where, move.dimension, dimensions))
    } else checkMove(dimension, move, where, complain)
  })
  const gates = model.gates.map((gate) => gate.id)
  for (const id of op.requires) {
    if (!gates.includes(id)) {
      complain(missing('PROV_GATE_UNKNOWN', file, `${path}.requires`, id, gates))
    }
  }
  const types = [...new Set(model.opTypes.map(({ type }) => type))]
  if (op.inverse !== undefined && !types.includes(op.inverse)) {
    complain(missing('PROV_OP_INVERSE_UNKNOWN', file, `${path}.inverse`, op.inverse, types))
  }
  const steps = op.run?.steps ?? []
  const ids = steps.map((step) => step.id)
  unique(steps, 'step', file, `${path}.run.steps`, complain)
  const waits = steps.flatMap((step) =>
    (step.dependsOn ?? []).map((on) => ({ from: step.id, to: on })),
  )
  for (const { from, to } of waits) {
    if (!ids.includes(to)) {
      complain(missing('PROV_OP_STEP_UNKNOWN', file, `${path}, step ${from}`, to, ids))
    }
  }
  const cycle = cycleIn(waits)
  if (cycle) {
    complain(workspaceErrors.PROV_OP_STEP_CYCLE({ file, path, steps: cycle }, { place: { file } }))
  }
}

function checkMove(
  dimension: DimensionDecl,
  move: { readonly from: string; readonly to: string },
  path: string,
  complain: Complain,
): void {
  const known = dimension.states.map((state) => state.id)
  if (known.length === 0) return
  const file = workspaceFiles.provisioning
  for (const end of ['from', 'to'] as const) {
    const id = move[end]
    if (known.includes(id)) continue
    const suggestion = nearest(id, known)
    complain(
      workspaceErrors.PROV_DIMENSION_STATE_UNKNOWN(
        {
          file,
          path: `${path}.${end}`,
          dimension: dimension.id,
          id,
          known,
          ...(suggestion && { suggestion }),
        },
        { place: { file } },
      ),
    )
  }
}

function checkCore(model: WorkspaceModel, warn: Complain): void {
  const file = workspaceFiles.core
  const nodes = model.nodes.map((node) => node.id)
  model.nodeEdges.forEach((edge, at) => {
    for (const id of [edge.from, edge.to, ...edge.upholds]) {
      if (!nodes.includes(id)) {
        warn(missing('PROV_CORE_NODE_UNKNOWN', file, `edges[${at}]`, id, nodes))
      }
    }
  })
}
