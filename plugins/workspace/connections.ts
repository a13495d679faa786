/**
 * The graph of units: who needs whom, which gate stands on each connection, and the other projects.
 *
 * @module
 */
import { judgeGates } from './conditions.ts'
import type { GateStatus } from 'prov/policies'
import type { ProjectConnection, Standing, WorkspaceModel } from './model.ts'

export interface ConnectionRow {
  readonly unit: string
  readonly external: boolean
  readonly upstream: readonly string[]
  readonly downstream: readonly string[]
  /** Gates on the connections that come in, with their status. */
  readonly gates: readonly {
    readonly gate: string
    readonly from: string
    readonly status: GateStatus
  }[]
}

export interface ConnectionsView {
  readonly units: readonly ConnectionRow[]
  readonly projects: {
    readonly upstream: readonly ProjectConnection[]
    readonly downstream: readonly ProjectConnection[]
    readonly peers: readonly ProjectConnection[]
  }
}

/** Units in the order of the file, what others run last. */
export function connectionsView(model: WorkspaceModel, standing: Standing): ConnectionsView {
  const gates = judgeGates(model, standing)
  const rows = model.units.map((unit) => ({
    unit: unit.id,
    external: unit.external,
    upstream: model.edges.filter((edge) => edge.to === unit.id).map((edge) => edge.from),
    downstream: model.edges.filter((edge) => edge.from === unit.id).map((edge) => edge.to),
    gates: gates.flatMap((gate) =>
      gate.edge?.to === unit.id
        ? [{ gate: gate.id, from: gate.edge.from, status: gate.status }]
        : [],
    ),
  }))
  return {
    units: [...rows.filter((row) => !row.external), ...rows.filter((row) => row.external)],
    projects: model.projects,
  }
}
