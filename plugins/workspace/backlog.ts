/**
 * What is to be done, and what it would change: the gates and connections that hang on an item's
 * dimension are computed, no file says them.
 *
 * @module
 */
import { nearest } from 'prov'
import { leavesOf } from 'prov/policies'
import { judgeGates } from './conditions.ts'
import { workspaceErrors } from './errors.ts'
import type { BacklogItem, GateDecl, Priority, Standing, WorkspaceModel } from './model.ts'
import { positionOf, priorities } from './model.ts'

/** Most urgent first, then in the order of the file; all of them without a priority. */
export function backlogRows(
  model: WorkspaceModel,
  options: { readonly priority?: Priority | undefined } = {},
): readonly BacklogItem[] {
  return priorities
    .filter((priority) => options.priority === undefined || priority === options.priority)
    .flatMap((priority) => model.backlog.filter((item) => item.priority === priority))
}

export interface BacklogDetail extends BacklogItem {
  /** The owning dimension, where it stands and where it should go. */
  readonly dimension?: { readonly id: string; readonly current: string; readonly desired: string }
  /** Gates whose condition names the dimension, or a capability that its operations bring. */
  readonly gateImpact: readonly {
    readonly gate: string
    readonly now: string
    /** With the dimension at its goal and those capabilities there. */
    readonly after: string
  }[]
  /** Connections that those gates govern. */
  readonly connections: readonly { readonly from: string; readonly to: string }[]
  /** Operations that move the dimension on. */
  readonly operations: readonly string[]
}

/** Throws PROV_BACKLOG_UNKNOWN. */
export function backlogDetail(
  model: WorkspaceModel,
  standing: Standing,
  id: string,
): BacklogDetail {
  const item = model.backlog.find((one) => one.id === id)
  if (!item) {
    const known = model.backlog.map((one) => one.id)
    const suggestion = nearest(id, known)
    throw workspaceErrors.PROV_BACKLOG_UNKNOWN({ id, known, ...(suggestion && { suggestion }) })
  }
  const dimension = model.dimensions.find((one) => one.id === item.relatedDim)
  if (!dimension) return { ...item, gateImpact: [], connections: [], operations: [] }
  const { state, version } = positionOf(dimension, standing)
  const ops = model.opTypes.filter((op) =>
    op.achieves.some((move) => move.dimension === dimension.id && move.from === state),
  )
  const towards = ops.filter((op) =>
    op.achieves.some((move) => move.dimension === dimension.id && move.to === dimension.desired),
  )
  const gains = towards.flatMap((op) => op.gains)
  const touched = model.gates.filter((gate) => names(gate, dimension.id, gains))
  const now = statuses(model, standing)
  const after = statuses(model, {
    ...standing,
    positions: { ...standing.positions, [dimension.id]: { state: dimension.desired, version } },
    capabilities: [...new Set([...standing.capabilities, ...gains])],
  })
  return {
    ...item,
    dimension: { id: dimension.id, current: state, desired: dimension.desired },
    gateImpact: touched.map((gate) => ({
      gate: gate.id,
      now: now.get(gate.id) ?? 'closed',
      after: after.get(gate.id) ?? 'closed',
    })),
    connections: touched.flatMap((gate) => (gate.edge ? [gate.edge] : [])),
    operations: state === dimension.desired ? [] : submittable(towards.length > 0 ? towards : ops),
  }
}

/** What can be typed as it stands: a pattern names no target. */
const submittable = (ops: WorkspaceModel['opTypes']): readonly string[] =>
  ops.flatMap(({ type, targets }) =>
    targets.filter((target) => !target.includes('*')).map((target) => `${type} ${target}`),
  )

function names(gate: GateDecl, dimension: string, capabilities: readonly string[]): boolean {
  return leavesOf(gate.condition).some(
    (leaf) =>
      ('dimension' in leaf && leaf.dimension === dimension) ||
      ('capability' in leaf && capabilities.includes(leaf.capability)),
  )
}

function statuses(model: WorkspaceModel, standing: Standing): ReadonlyMap<string, string> {
  return new Map(judgeGates(model, standing).map((gate) => [gate.id, gate.status]))
}
