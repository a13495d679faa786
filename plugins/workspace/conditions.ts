/**
 * Whether gates are open, given where things stand. Every verdict shows its leaves with the counts or
 * positions behind them. The status is computed, never stored.
 *
 * Thresholds of membranes are computed like this (D-13):
 *
 * - tension: dimensions whose current state is declared with the tension `High`;
 * - pending: dimensions off their goal with at least one transition that nothing blocks;
 * - core stable: every node of level `Axiom` is an invariant.
 *
 * @module
 */
import type { Condition, GateStatus, Leaf } from 'prov/policies'
import { conditionText, leafId, leavesOf, statusOf } from 'prov/policies'
import type { Edge, GateDecl, Standing, WorkspaceModel } from './model.ts'
import { positionOf } from './model.ts'

export interface LeafVerdict {
  /** See `leafId`. */
  readonly leaf: string
  readonly met: boolean
  /** "cluster_provisioning stands at bootstrapped". */
  readonly why: string
}

export interface GateVerdict {
  readonly id: string
  readonly name: string
  readonly status: GateStatus
  readonly edge?: Edge
  readonly carries?: string
  /** The condition on one line. */
  readonly condition: string
  readonly leaves: readonly LeafVerdict[]
  /** Leaves that do not hold: what would have to change, or some of it. Empty when open. */
  readonly unmet: readonly string[]
  /** Prose of the file: stated, not evaluated. */
  readonly stated: readonly string[]
}

/** The truth of one leaf, with its reason. `gateOpen` answers for leaves that name other gates. */
export function leafVerdict(
  leaf: Leaf,
  model: WorkspaceModel,
  standing: Standing,
  gateOpen: (id: string) => GateStatus | undefined,
): LeafVerdict {
  const answer = (met: boolean, why: string) => ({ leaf: leafId(leaf), met, why })
  if ('dimension' in leaf) {
    const dimension = model.dimensions.find((one) => one.id === leaf.dimension)
    if (!dimension) return answer(false, `${leaf.dimension} is not declared`)
    const { state } = positionOf(dimension, standing)
    if (standing.doubtful?.includes(dimension.id)) {
      return answer(false, `${dimension.id} is in doubt, an operation on it has no known outcome`)
    }
    return answer(leaf.at.includes(state), `${dimension.id} stands at ${state}`)
  }
  if ('capability' in leaf) {
    const there = standing.capabilities.includes(leaf.capability)
    return answer(there, `${leaf.capability} is ${there ? 'there' : 'not there'}`)
  }
  if ('gate' in leaf) {
    const status = gateOpen(leaf.gate)
    return answer(status === 'open', `${leaf.gate} is ${status ?? 'not declared'}`)
  }
  if ('max_tension_dimensions' in leaf) {
    const tense = model.dimensions.filter((dimension) => {
      const { state } = positionOf(dimension, standing)
      return dimension.states.some((one) => one.id === state && one.tension === 'High')
    })
    return answer(tense.length <= leaf.max_tension_dimensions, counted('in high tension', tense))
  }
  if ('pending_transitions' in leaf) {
    const pending = model.dimensions.filter((dimension) => {
      const { state } = positionOf(dimension, standing)
      const open = dimension.transitions.some((one) => one.from === state && !one.blocker)
      return state !== dimension.desired && open
    })
    return answer(pending.length <= leaf.pending_transitions, counted('pending', pending))
  }
  const weak = model.nodes.filter((node) => node.level === 'Axiom' && !node.invariant)
  return answer(
    weak.length === 0,
    weak.length === 0
      ? 'every axiom is an invariant'
      : `not invariant: ${weak.map((node) => node.id).join(', ')}`,
  )
}

function counted(what: string, dimensions: readonly { readonly id: string }[]): string {
  const names = dimensions.map((one) => one.id).join(', ')
  return `${dimensions.length} ${what}${names && `: ${names}`}`
}

/** Every gate, judged. Gates that wait for others are judged after them; a circle counts as closed. */
export function judgeGates(model: WorkspaceModel, standing: Standing): readonly GateVerdict[] {
  const judged = new Map<string, GateVerdict>()
  const underWay = new Set<string>()
  const byId = new Map(model.gates.map((gate) => [gate.id, gate]))
  const statusOfGate = (id: string): GateStatus | undefined => {
    const gate = byId.get(id)
    if (!gate) return undefined
    if (underWay.has(id)) return 'closed'
    return judge(gate).status
  }
  const judge = (gate: GateDecl): GateVerdict => {
    const known = judged.get(gate.id)
    if (known) return known
    underWay.add(gate.id)
    const leaves = leavesOf(gate.condition).map((leaf) =>
      leafVerdict(leaf, model, standing, statusOfGate),
    )
    underWay.delete(gate.id)
    const verdict = verdictOf(gate, leaves)
    judged.set(gate.id, verdict)
    return verdict
  }
  return model.gates.map(judge)
}

function verdictOf(gate: GateDecl, leaves: readonly LeafVerdict[]): GateVerdict {
  const met = new Set(leaves.filter((leaf) => leaf.met).map((leaf) => leaf.leaf))
  const status = gate.active ? statusOf(gate.condition, (leaf) => met.has(leaf)) : 'closed'
  const unmet = leaves.filter((leaf) => !leaf.met).map((leaf) => leaf.leaf)
  return {
    id: gate.id,
    name: gate.name,
    status,
    ...(gate.edge && { edge: gate.edge }),
    ...(gate.carries && { carries: gate.carries }),
    condition: conditionText(gate.condition),
    leaves,
    unmet: status === 'open' ? [] : gate.active ? unmet : ['active = true', ...unmet],
    stated: gate.stated,
  }
}

/**
 * Which gates name a leaf, by leaf id: what an actor host needs to send a change only where it
 * matters.
 */
export function gatesByLeaf(
  gates: readonly { readonly id: string; readonly condition: Condition }[],
): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>()
  for (const gate of gates) {
    for (const leaf of leavesOf(gate.condition)) {
      const list = index.get(leafId(leaf))
      if (list) list.push(gate.id)
      else index.set(leafId(leaf), [gate.id])
    }
  }
  return index
}
