/**
 * Where each dimension stands, and where it can go from there: over all dimensions at once, with what
 * stops and what would trigger each way on.
 *
 * @module
 */
import type { GateVerdict } from './conditions.ts'
import { judgeGates } from './conditions.ts'
import type { Standing, WorkspaceModel } from './model.ts'
import { positionOf } from './model.ts'

export interface DimensionRow {
  readonly id: string
  readonly name: string
  readonly current: string
  readonly desired: string
  readonly reached: boolean
  readonly version: number
  /** What stops the ways on from here; empty when nothing does. */
  readonly blockers: readonly string[]
  /** What would trigger them. */
  readonly catalysts: readonly string[]
  /** What the file says when it says something else than the journal (D-31). */
  readonly declared?: string
  /** Its last operation has no known outcome. */
  readonly doubtful?: true
}

/** Every dimension, in the order of the file. */
export function stateRows(model: WorkspaceModel, standing: Standing): readonly DimensionRow[] {
  return model.dimensions.map((dimension) => {
    const { state, version } = positionOf(dimension, standing)
    const reached = state === dimension.desired
    // A dimension shows what stands on the ways out of its current state (D-12). One that has
    // arrived is stopped by nothing.
    const ways = reached ? [] : dimension.transitions.filter((way) => way.from === state)
    return {
      id: dimension.id,
      name: dimension.name,
      current: state,
      desired: dimension.desired,
      reached,
      version,
      blockers: ways.flatMap((way) => way.blocker ?? []),
      catalysts: ways.flatMap((way) => way.catalyst ?? []),
      ...(dimension.current !== state && { declared: dimension.current }),
      ...(standing.doubtful?.includes(dimension.id) && { doubtful: true as const }),
    }
  })
}

export interface NextRow {
  readonly dimension: string
  readonly from: string
  readonly to: string
  /** It leads to the desired state, at once or over further steps. */
  readonly towardsGoal: boolean
  readonly condition?: string
  readonly catalyst?: string
  readonly blocker?: string
  readonly horizon?: string
  /** Operations that achieve it: `deploy app-cluster/cert-manager`. */
  readonly operations: readonly {
    readonly type: string
    readonly target: string
    /** Gates that it needs and that are not open. */
    readonly waitsFor: readonly string[]
  }[]
}

/** Every transition that starts where a dimension stands; those towards the goal come first. */
export function nextRows(model: WorkspaceModel, standing: Standing): readonly NextRow[] {
  const gates = new Map(judgeGates(model, standing).map((gate) => [gate.id, gate]))
  return model.dimensions.flatMap((dimension) => {
    const { state } = positionOf(dimension, standing)
    const good = statesTowards(dimension.desired, dimension.transitions)
    const rows = dimension.transitions
      .filter((way) => way.from === state)
      .map((way) => ({
        dimension: dimension.id,
        ...way,
        towardsGoal: state !== dimension.desired && good.has(way.to),
        operations: operationsFor(model, { dimension: dimension.id, ...way }, gates),
      }))
    return [...rows.filter((row) => row.towardsGoal), ...rows.filter((row) => !row.towardsGoal)]
  })
}

/** States from which the goal can be reached, the goal included. */
function statesTowards(
  goal: string,
  transitions: readonly { readonly from: string; readonly to: string }[],
): ReadonlySet<string> {
  const good = new Set([goal])
  for (let before = 0; before < good.size;) {
    before = good.size
    for (const way of transitions) if (good.has(way.to)) good.add(way.from)
  }
  return good
}

function operationsFor(
  model: WorkspaceModel,
  way: { readonly dimension: string; readonly from: string; readonly to: string },
  gates: ReadonlyMap<string, GateVerdict>,
): NextRow['operations'] {
  return model.opTypes
    .filter((op) =>
      op.achieves.some(
        (move) => move.dimension === way.dimension && move.from === way.from && move.to === way.to,
      ),
    )
    .flatMap((op) =>
      op.targets.map((target) => ({
        type: op.type,
        target,
        waitsFor: op.requires.filter((id) => gates.get(id)?.status !== 'open'),
      })),
    )
}
