/**
 * What the workspace provides and requires, by category, and which gates hang on it.
 *
 * @module
 */
import { leavesOf } from 'prov/policies'
import type { Category, Standing, WorkspaceModel } from './model.ts'
import { categories } from './model.ts'

export interface ProvidedRow {
  readonly id: string
  readonly name: string
  readonly category: Category
  /** The manifest offers it, or an operation brought it. */
  readonly from: 'manifest' | 'operation'
  /** False: the manifest offers it and an operation took it away. */
  readonly there: boolean
  readonly gates: readonly string[]
}

export interface RequiredRow {
  readonly id: string
  readonly name: string
  readonly category: Category
  readonly met: boolean
  readonly impact: string
  /** How to get it: what the manifest says, or an operation that gains it. */
  readonly provision: string
  readonly gates: readonly string[]
}

export interface CapabilitiesView {
  readonly provides: readonly ProvidedRow[]
  readonly requires: readonly RequiredRow[]
}

/** Rows by category, then in the order of the file. */
export function capabilitiesView(model: WorkspaceModel, standing: Standing): CapabilitiesView {
  const there = new Set(standing.capabilities)
  const gatesOn = (capability: string) =>
    model.gates
      .filter((gate) =>
        leavesOf(gate.condition).some(
          (leaf) => 'capability' in leaf && leaf.capability === capability,
        ),
      )
      .map((gate) => gate.id)
  const offered: readonly ProvidedRow[] = model.capabilities.map((one) => ({
    id: one.id,
    name: one.name,
    category: one.category,
    from: 'manifest',
    there: there.has(one.id),
    gates: gatesOn(one.id),
  }))
  const brought: readonly ProvidedRow[] = standing.capabilities
    .filter((id) => !model.capabilities.some((one) => one.id === id))
    .map((id) => {
      const required = model.requirements.find((one) => one.capability === id)
      return {
        id,
        name: required?.name ?? id,
        category: required?.category ?? 'Service',
        from: 'operation',
        there: true,
        gates: gatesOn(id),
      }
    })
  const requires = model.requirements.map((one) => {
    const op = model.opTypes.find((type) => type.gains.includes(one.capability))
    return {
      id: one.id,
      name: one.name,
      category: one.category,
      met: there.has(one.capability),
      impact: one.impact,
      provision:
        one.provision || (op ? `prov op submit ${op.type} ${op.targets[0] ?? ''}`.trim() : ''),
      gates: gatesOn(one.capability),
    }
  })
  return { provides: byCategory([...offered, ...brought]), requires: byCategory(requires) }
}

function byCategory<T extends { readonly category: Category }>(rows: readonly T[]): readonly T[] {
  return categories.flatMap((category) => rows.filter((row) => row.category === category))
}
