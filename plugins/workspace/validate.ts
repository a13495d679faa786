/**
 * A decision, held against what must stay true here (D-19). Two kinds are understood, everything else
 * is refused rather than guessed:
 *
 *     deploy sops-operator before cert-manager      <verb> <A> before | after | without <B>
 *     an operation                                   its body, simulated
 *
 * Verdicts: `Safe`, nothing speaks against it; `Risky`, it goes against a dependency or shuts a gate;
 * `Unsafe`, and an invariant breaks with it.
 *
 * @module
 */
import { nearest } from 'prov'
import type { OpBody } from 'prov'
import { judgeGates } from './conditions.ts'
import { workspaceErrors } from './errors.ts'
import type { Arc } from './graph.ts'
import { wayBetween } from './graph.ts'
import type { Standing, WorkspaceModel } from './model.ts'
import { positionOf } from './model.ts'
import { standingAfter } from './ops.ts'

export interface Validation {
  readonly decision: string
  readonly verdict: 'Safe' | 'Risky' | 'Unsafe'
  readonly invariants_at_risk: readonly string[]
  /** The dependencies or connections that it goes against. */
  readonly edges: readonly { readonly from: string; readonly to: string; readonly kind: string }[]
  readonly reasons: readonly string[]
}

/** Making something: what it needs must be there first. */
const buildingVerbs = ['deploy', 'install', 'enable', 'start', 'create', 'add', 'upgrade', 'run']
/** Taking something away: what needs it must be gone first. */
const removingVerbs = ['remove', 'destroy', 'delete', 'disable', 'stop', 'drain', 'retire']

/** `A needs B`, with the axioms that this upholds. */
interface Need extends Arc {
  readonly kind: string
  readonly upholds: readonly string[]
}

/** Everything here that needs something else: core nodes, units, operations and what they bring. */
function needsOf(model: WorkspaceModel): readonly Need[] {
  const nodes = model.nodeEdges
    .filter((edge) => edge.kind === 'DependsOn')
    .map((edge) => ({ from: edge.from, to: edge.to, kind: edge.kind, upholds: edge.upholds }))
  const units = model.edges.map((edge) => ({
    from: edge.to,
    to: edge.from,
    kind: 'Upstream',
    upholds: [],
  }))
  return [...nodes, ...units]
}

/**
 * Validates a decision in words. Throws PROV_DECISION_UNREADABLE for another grammar and
 * PROV_DECISION_NAME_UNKNOWN for a name that nothing here has.
 */
export function validateDecision(model: WorkspaceModel, decision: string): Validation {
  const words = decision.trim().split(/\s+/)
  const unreadable = (why: string) => workspaceErrors.PROV_DECISION_UNREADABLE({ decision, why })
  const [verb = '', a = '', relation = '', b = ''] = words
  if (words.length !== 4)
    throw unreadable('it is not of the form <verb> <A> before|after|without <B>')
  const building = buildingVerbs.includes(verb.toLowerCase())
  if (!building && !removingVerbs.includes(verb.toLowerCase())) {
    const known = [...buildingVerbs, ...removingVerbs]
    const near = nearest(verb, known)
    throw unreadable(
      `"${verb}" is no verb it knows${near ? `; did you mean ${near}?` : `: ${known.join(', ')}`}`,
    )
  }
  if (relation !== 'before' && relation !== 'after' && relation !== 'without') {
    throw unreadable(`"${relation}" is neither before, after nor without`)
  }
  const names = [
    ...model.nodes.map((node) => node.id),
    ...model.units.map((unit) => unit.id),
    ...model.capabilities.map((one) => one.id),
    ...model.clusters.map((one) => one.id),
  ]
  for (const name of [a, b]) {
    if (names.includes(name)) continue
    const suggestion = nearest(name, names)
    throw workspaceErrors.PROV_DECISION_NAME_UNKNOWN({
      name,
      known: names,
      ...(suggestion && { suggestion }),
    })
  }
  if (a === b) throw unreadable('both names are the same')
  const needs = needsOf(model)
  // Which of the two must not need the other for the decision to be sound?
  //   deploy A before B, deploy A without B, remove A after B: A must not need B
  //   deploy A after B,  remove A before B, remove A without B: B must not need A
  const aMustNotNeedB = building ? relation !== 'after' : relation === 'after'
  const [needy, needed] = aMustNotNeedB ? [a, b] : [b, a]
  const way = wayBetween(needs, needy, needed)
  if (!way) {
    return {
      decision,
      verdict: 'Safe',
      invariants_at_risk: [],
      edges: [],
      reasons: [`${needy} does not need ${needed}`],
    }
  }
  const invariants = invariantsOn(model, way)
  return {
    decision,
    verdict: invariants.length > 0 ? 'Unsafe' : 'Risky',
    invariants_at_risk: invariants,
    edges: way.map(({ from, to, kind }) => ({ from, to, kind })),
    reasons: [
      `${needy} needs ${needed}: ${[needy, ...way.map((need) => need.to)].join(' → ')}`,
      ...invariants.map(
        (id) => `${id}: ${model.nodes.find((one) => one.id === id)?.description ?? ''}`,
      ),
    ],
  }
}

/** Invariants that a way upholds: said on an edge, or manifest in both of its ends. */
function invariantsOn(model: WorkspaceModel, way: readonly Need[]): readonly string[] {
  const invariants = model.nodes.filter((node) => node.invariant).map((node) => node.id)
  const nodeOf = (name: string) => model.units.find((unit) => unit.id === name)?.node
  const manifest = (axiom: string, name: string) =>
    nodeOf(name) === axiom ||
    model.nodeEdges.some(
      (edge) => edge.kind === 'ManifestsIn' && edge.from === axiom && edge.to === name,
    )
  return invariants.filter((axiom) =>
    way.some(
      (need) =>
        need.upholds.includes(axiom) || (manifest(axiom, need.from) && manifest(axiom, need.to)),
    ),
  )
}

/** Validates an operation by simulating it: moves that the files do not know, gates that would shut. */
export function validateOp(model: WorkspaceModel, standing: Standing, body: OpBody): Validation {
  const reasons: string[] = []
  const edges: { from: string; to: string; kind: string }[] = []
  const invariants = new Set<string>()
  const gates = judgeGates(model, standing)
  for (const id of body.requires) {
    const gate = gates.find((one) => one.id === id)
    if (gate?.status === 'open') continue
    reasons.push(`it needs the gate ${id}, which is ${gate?.status ?? 'not declared'}`)
    if (gate?.edge) edges.push({ ...gate.edge, kind: 'Gate' })
  }
  for (const move of body.achieves) {
    const dimension = model.dimensions.find((one) => one.id === move.dimension)
    if (!dimension) {
      reasons.push(`it moves ${move.dimension}, which is not declared`)
      continue
    }
    const { state } = positionOf(dimension, standing)
    if (state !== move.from) {
      reasons.push(`it moves ${dimension.id} from ${move.from}, and it stands at ${state}`)
    }
    const way = dimension.transitions.find((one) => one.from === move.from && one.to === move.to)
    if (!way) {
      reasons.push(`${dimension.id} has no transition ${move.from} → ${move.to}`)
    }
  }
  const after = judgeGates(model, standingAfter(standing, body))
  gates.forEach((before, at) => {
    const now = after[at]
    if (before.status !== 'open' || !now || now.status === 'open') return
    reasons.push(`the gate ${before.id} would be ${now.status}`)
    if (!before.edge) return
    edges.push({ ...before.edge, kind: 'Gate' })
    for (const end of [before.edge.from, before.edge.to]) {
      const node = model.units.find((unit) => unit.id === end)?.node
      if (node && model.nodes.some((one) => one.id === node && one.invariant)) invariants.add(node)
    }
  })
  return {
    decision: `${body.type} ${body.target}`,
    verdict: invariants.size > 0 ? 'Unsafe' : reasons.length > 0 ? 'Risky' : 'Safe',
    invariants_at_risk: [...invariants],
    edges,
    reasons,
  }
}
