/**
 * The card of a workspace: what it is, where it runs, how far it is, and which gates block.
 *
 * @module
 */
import { judgeGates } from './conditions.ts'
import { workspaceErrors } from './errors.ts'
import type { Standing, WorkspaceModel } from './model.ts'
import { positionOf } from './model.ts'

export interface Card {
  readonly workspace: string
  readonly kind: string
  readonly description: string
  readonly clusters: readonly {
    readonly id: string
    readonly type: string
    readonly region: string
  }[]
  /** All dimensions at their goal, some, or none. Without dimensions: `operational`. */
  readonly status: 'operational' | 'partially_operational' | 'not_operational'
  readonly open_gates: number
  readonly closed_gates: number
  /** Gates that are not open: "secrets-store → app-cluster", or the id of one without an edge. */
  readonly blocked: readonly string[]
}

/** Throws PROV_CARD_KIND for anything but a DevWorkspace. A partial gate blocks, so it counts as closed. */
export function cardOf(model: WorkspaceModel, standing: Standing): Card {
  if (model.kind !== 'DevWorkspace') {
    throw workspaceErrors.PROV_CARD_KIND({ workspace: model.name, kind: model.kind })
  }
  const reached = model.dimensions.filter(
    (dimension) => positionOf(dimension, standing).state === dimension.desired,
  ).length
  const gates = judgeGates(model, standing)
  const shut = gates.filter((gate) => gate.status !== 'open')
  return {
    workspace: model.name,
    kind: model.kind,
    description: model.description,
    clusters: model.clusters.map(({ id, type, region }) => ({ id, type, region })),
    status:
      reached === model.dimensions.length
        ? 'operational'
        : reached > 0
          ? 'partially_operational'
          : 'not_operational',
    open_gates: gates.length - shut.length,
    closed_gates: shut.length,
    blocked: shut.map((gate) => (gate.edge ? `${gate.edge.from} → ${gate.edge.to}` : gate.id)),
  }
}
