/**
 * A workspace as it was declared: what its files say, checked and typed. Where things stand now is
 * another matter (`Standing`), because files declare and the journal records movement.
 *
 * @module
 */
import type { JsonObject, StepRun } from 'prov'
import type { Condition } from 'prov/policies'
import type { DimensionTransition } from 'prov/machines'

export interface StateDecl {
  readonly id: string
  readonly name: string
  readonly description: string
  /** A tag; gates count the dimensions that stand at `High`. */
  readonly tension: string
}

export interface DimensionDecl {
  readonly id: string
  readonly name: string
  readonly description: string
  /** Where the file says it stands: genesis, and afterwards a proposal (D-31). */
  readonly current: string
  readonly desired: string
  readonly horizon: string
  /** Often empty: then any state id is fine. */
  readonly states: readonly StateDecl[]
  readonly transitions: readonly DimensionTransition[]
  readonly coupledWith: readonly string[]
}

export interface Edge {
  readonly from: string
  readonly to: string
}

export interface GateDecl {
  readonly id: string
  readonly name: string
  readonly description: string
  /** The connection that it governs; absent for gates over the whole workspace. */
  readonly edge?: Edge
  /** What crosses: `Data`, `Tokens` or `Control`. */
  readonly carries?: string
  readonly condition: Condition
  readonly active: boolean
  /** Prose of the file, shown and not evaluated. */
  readonly stated: readonly string[]
  /** Fields of a membrane that people read: permeability, protocol, accepts, protects. */
  readonly notes: JsonObject
  readonly file: string
}

export interface NodeDecl {
  readonly id: string
  readonly name: string
  readonly level: string
  readonly pole: string
  readonly description: string
  readonly invariant: boolean
  readonly artifactPaths: readonly string[]
  readonly adrs: readonly string[]
}

export interface NodeEdge extends Edge {
  readonly kind: string
  /** Axioms that break when the edge is not respected. */
  readonly upholds: readonly string[]
  readonly note: string
}

export type Category = 'Service' | 'Api' | 'Storage' | 'Auth'
export const categories: readonly Category[] = ['Service', 'Api', 'Storage', 'Auth']

export interface CapabilityDecl {
  readonly id: string
  readonly name: string
  readonly summary: string
  readonly category: Category
  readonly nodes: readonly string[]
}

export interface RequirementDecl {
  readonly id: string
  readonly name: string
  readonly category: Category
  readonly kind: string
  readonly impact: string
  readonly provision: string
  /** The capability that fulfils it. */
  readonly capability: string
}

/** A connection to another project, from this one's point of view. */
export interface ProjectConnection {
  readonly project: string
  readonly node: string
  readonly via: string
  readonly kind: string
  readonly note: string
}

export interface UnitDecl {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly external: boolean
  readonly node?: string
}

export interface ClusterDecl {
  readonly id: string
  readonly type: string
  readonly region: string
  readonly units: readonly string[]
}

/** An operation that this workspace knows (D-23). */
export interface OpTypeDecl {
  readonly type: string
  readonly targets: readonly string[]
  readonly description: string
  readonly scope: readonly string[]
  readonly destructive: boolean
  readonly achieves: readonly {
    readonly dimension: string
    readonly from: string
    readonly to: string
  }[]
  readonly gains: readonly string[]
  readonly loses: readonly string[]
  readonly requires: readonly string[]
  /** Op type that takes it back. */
  readonly inverse?: string
  readonly run?: StepRun
}

export type Priority = 'High' | 'Medium' | 'Low'
export const priorities: readonly Priority[] = ['High', 'Medium', 'Low']

export interface BacklogItem {
  readonly id: string
  readonly title: string
  readonly kind: string
  readonly priority: Priority
  readonly status: string
  readonly detail: string
  readonly relatedAdrs: readonly string[]
  readonly relatedDim?: string
  readonly graduatesTo?: string
  readonly created?: string
}

export interface WorkspaceModel {
  readonly name: string
  readonly kind: string
  readonly description: string
  readonly dimensions: readonly DimensionDecl[]
  readonly gates: readonly GateDecl[]
  readonly nodes: readonly NodeDecl[]
  readonly nodeEdges: readonly NodeEdge[]
  readonly capabilities: readonly CapabilityDecl[]
  readonly requirements: readonly RequirementDecl[]
  readonly projects: {
    readonly upstream: readonly ProjectConnection[]
    readonly downstream: readonly ProjectConnection[]
    readonly peers: readonly ProjectConnection[]
  }
  readonly units: readonly UnitDecl[]
  /** Edges between units, each once, from the one that is needed to the one that needs it. */
  readonly edges: readonly Edge[]
  readonly clusters: readonly ClusterDecl[]
  readonly opTypes: readonly OpTypeDecl[]
  readonly backlog: readonly BacklogItem[]
}

/** Where things stand: positions with their versions, and the capabilities that are there. */
export interface Standing {
  readonly positions: Readonly<Record<string, { readonly state: string; readonly version: number }>>
  readonly capabilities: readonly string[]
  /** Dimensions whose last operation is in doubt: nothing may rely on them (D-32). */
  readonly doubtful?: readonly string[]
}

/** Where the files say that things stand, before anything moved. */
export function genesis(model: WorkspaceModel): Standing {
  return {
    positions: Object.fromEntries(
      model.dimensions.map((one) => [one.id, { state: one.current, version: 0 }]),
    ),
    capabilities: model.capabilities.map((one) => one.id),
  }
}

/** The position of a dimension; what the journal does not know stands where its file says. */
export function positionOf(
  dimension: DimensionDecl,
  standing: Standing,
): { readonly state: string; readonly version: number } {
  // Ids are any words, also those that every object has.
  const known = Object.hasOwn(standing.positions, dimension.id)
  return (
    (known ? standing.positions[dimension.id] : undefined) ?? {
      state: dimension.current,
      version: 0,
    }
  )
}
