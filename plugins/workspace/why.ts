/**
 * Why does it stand still? For a gate, a dimension or an operation: what it waits for, what that
 * waits for in turn, and the acts that would move it. Pure: answers from what is declared and where
 * things stand.
 *
 * @module
 */
import { evidenceText } from 'prov'
import type { OpRow, RuleTrace } from 'prov'
import { leafId } from '../../policies/index.ts'
import type { Leaf } from '../../policies/index.ts'
import { positionOf } from './model.ts'
import type { DimensionDecl, GateDecl, Standing, WorkspaceModel } from './model.ts'
import { unblockingSet } from './unblock.ts'

/** One link of the chain; `because` is what it waits for. */
export interface Cause {
  readonly id: string
  readonly kind: 'gate' | 'dimension' | 'capability' | 'count' | 'op'
  /** `open`, `closed`, `held`, a state name: how it stands. */
  readonly stands: string
  readonly text: string
  readonly because: readonly Cause[]
}

/** One thing that somebody can do about it. */
export interface Remedy {
  /** What it brings about. */
  readonly brings: string
  /** A command to paste. */
  readonly command: string
  /** Who may do it. */
  readonly who: string
}

export interface Why {
  readonly id: string
  readonly kind: 'gate' | 'dimension' | 'op'
  readonly stands: string
  /** True when nothing is in its way. */
  readonly clear: boolean
  readonly cause: Cause
  /** The smallest set of facts that would clear it; empty when clear. */
  readonly unblock: readonly string[]
  readonly remedies: readonly Remedy[]
  /** Of an operation that was judged: each rule of the policy that was looked at, as it was then. */
  readonly trace?: readonly RuleTrace[]
}

export interface WhyContext {
  readonly model: WorkspaceModel
  readonly standing: Standing
  readonly met: (leaf: Leaf) => boolean
  readonly statusOf: (gate: string) => 'open' | 'partial' | 'closed'
  readonly ops: ReadonlyMap<string, OpRow>
}

export function whyGate(context: WhyContext, gate: GateDecl): Why {
  const stands = context.statusOf(gate.id)
  const cause = gateCause(context, gate, new Set())
  const set = stands === 'open' ? [] : (unblockingSet(gate.condition, context.met) ?? [])
  const leaves = set.flatMap((leaf) => leafRoots(context, leaf, new Set([gate.id])))
  return {
    id: gate.id,
    kind: 'gate',
    stands,
    clear: stands === 'open',
    cause,
    unblock: [...new Set(set.map(leafId))],
    remedies: unique(leaves.flatMap((leaf) => remediesFor(context, leaf))),
  }
}

export function whyDimension(context: WhyContext, dimension: DimensionDecl): Why {
  const { state } = positionOf(dimension, context.standing)
  const clear = state === dimension.desired
  const way = wayTo(dimension, state, dimension.desired)
  const moving = [...context.ops.values()].filter(({ body }) =>
    body.achieves.some((move) => move.dimension === dimension.id),
  )
  const open = clear ? [] : dimension.transitions.filter((one) => one.from === state)
  const because: Cause[] = [
    ...moving.map(opCause),
    ...open.flatMap((one): Cause[] =>
      one.blocker === undefined
        ? []
        : [cause(`${dimension.id}: ${state} → ${one.to}`, 'dimension', 'blocked', one.blocker)],
    ),
    ...opsMoving(context.model, dimension.id, state).flatMap(({ requires }) =>
      requires.flatMap((id) => {
        const gate = context.model.gates.find((one) => one.id === id)
        return gate && context.statusOf(id) !== 'open' ? [gateCause(context, gate, new Set())] : []
      }),
    ),
  ]
  const text = clear
    ? `at its desired state ${state}`
    : way === undefined
      ? `at ${state}; no declared way leads to ${dimension.desired}`
      : `at ${state}, on the way to ${way.join(' → ')}`
  return {
    id: dimension.id,
    kind: 'dimension',
    stands: state,
    clear,
    cause: { id: dimension.id, kind: 'dimension', stands: state, text, because },
    unblock: clear || way === undefined ? [] : [`${dimension.id} at ${way[0]}`],
    remedies: clear
      ? []
      : unique([
          ...moving.flatMap(opRemedies),
          ...(way?.[0] === undefined ? [] : moveRemedies(context, dimension.id, way[0])),
        ]),
  }
}

export function whyOp(context: WhyContext, row: OpRow): Why {
  const gates = row.body.requires.flatMap((id) => {
    const gate = context.model.gates.find((one) => one.id === id)
    return gate && context.statusOf(id) !== 'open' ? [whyGate(context, gate)] : []
  })
  const own = opCause(row)
  const ended = row.outcome !== undefined
  const waits = ended && row.code !== 'PROV_OP_GATE_CLOSED' ? [] : gates
  return {
    id: row.id,
    kind: 'op',
    stands: row.phase,
    clear: row.phase === 'applied',
    cause: { ...own, because: [...own.because, ...waits.map((gate) => gate.cause)] },
    unblock: [
      ...(row.phase === 'held' ? [row.needs ?? 'a vote'] : []),
      ...waits.flatMap((gate) => gate.unblock),
    ],
    remedies: unique([...opRemedies(row), ...waits.flatMap((gate) => gate.remedies)]),
    ...(row.trace && { trace: row.trace }),
  }
}

/** States after `from` on a shortest declared way to `to`; undefined when there is none. */
export function wayTo(
  { transitions }: DimensionDecl,
  from: string,
  to: string,
): readonly string[] | undefined {
  const ways = new Map<string, readonly string[]>([[from, []]])
  const queue = [from]
  for (const at of queue) {
    const soFar = ways.get(at) ?? []
    if (at === to) return soFar
    for (const one of transitions) {
      if (one.from !== at || ways.has(one.to)) continue
      ways.set(one.to, [...soFar, one.to])
      queue.push(one.to)
    }
  }
  return undefined
}

const cause = (id: string, kind: Cause['kind'], stands: string, text: string): Cause => ({
  id,
  kind,
  stands,
  text,
  because: [],
})

function gateCause(context: WhyContext, gate: GateDecl, above: ReadonlySet<string>): Cause {
  const stands = context.statusOf(gate.id)
  const edge = gate.edge ? `${gate.edge.from} → ${gate.edge.to}` : 'the whole workspace'
  const unmet = stands === 'open' ? [] : (unblockingSet(gate.condition, context.met) ?? [])
  const inside = new Set([...above, gate.id])
  return {
    id: gate.id,
    kind: 'gate',
    stands,
    text: gate.active ? `${edge} is ${stands}` : `${edge} is switched off in ${gate.file}`,
    because: unmet.map((leaf) => leafCause(context, leaf, inside)),
  }
}

function leafCause(context: WhyContext, leaf: Leaf, above: ReadonlySet<string>): Cause {
  const { model, standing } = context
  if ('dimension' in leaf) {
    const dimension = model.dimensions.find(({ id }) => id === leaf.dimension)
    const stands = dimension ? positionOf(dimension, standing).state : 'unknown'
    const doubtful = standing.doubtful?.includes(leaf.dimension) ?? false
    const text = doubtful
      ? `at ${stands}, and an operation on it is in doubt: it counts for nothing until resolved`
      : `at ${stands}, wanted at ${leaf.at.join(' or ')}`
    return cause(leaf.dimension, 'dimension', stands, text)
  }
  if ('capability' in leaf) {
    return cause(leaf.capability, 'capability', 'absent', 'nobody offers it now')
  }
  if ('gate' in leaf) {
    const gate = model.gates.find(({ id }) => id === leaf.gate)
    if (gate && !above.has(gate.id)) return gateCause(context, gate, above)
    return cause(leaf.gate, 'gate', context.statusOf(leaf.gate), 'it must be open')
  }
  return cause(leafId(leaf), 'count', 'unmet', 'counted over all dimensions')
}

/** The leaves that somebody can act on: a gate that must be open is followed to its own leaves. */
function leafRoots(context: WhyContext, leaf: Leaf, above: ReadonlySet<string>): readonly Leaf[] {
  if (!('gate' in leaf) || above.has(leaf.gate)) return [leaf]
  const gate = context.model.gates.find(({ id }) => id === leaf.gate)
  const set = gate ? (unblockingSet(gate.condition, context.met) ?? []) : []
  return set.flatMap((one) => leafRoots(context, one, new Set([...above, leaf.gate])))
}

function remediesFor(context: WhyContext, leaf: Leaf): readonly Remedy[] {
  if ('capability' in leaf) {
    return context.model.opTypes
      .filter(({ gains }) => gains.includes(leaf.capability))
      .map((op) => submitRemedy(op, `capability ${leaf.capability}`))
  }
  if (!('dimension' in leaf)) return []
  const dimension = context.model.dimensions.find(({ id }) => id === leaf.dimension)
  if (!dimension) return []
  const { state } = positionOf(dimension, context.standing)
  const ways = leaf.at.flatMap((to) => wayTo(dimension, state, to)?.slice(0, 1) ?? [])
  return unique(ways.flatMap((to) => moveRemedies(context, dimension.id, to)))
}

/** Operations that move a dimension to a state; the built-in move when none is declared. */
function moveRemedies(context: WhyContext, dimension: string, to: string): readonly Remedy[] {
  const declared = context.model.opTypes
    .filter(({ achieves }) =>
      achieves.some((move) => move.dimension === dimension && move.to === to),
    )
    .map((op) => submitRemedy(op, `${dimension} at ${to}`))
  if (declared.length > 0) return declared
  const command = `prov op submit dimension.transition ${dimension} --param to=${to}`
  return [{ brings: `${dimension} at ${to}`, command, who: proposer }]
}

const proposer = 'anyone enrolled; policy says who must agree'

function submitRemedy(
  { type, targets }: { readonly type: string; readonly targets: readonly string[] },
  brings: string,
): Remedy {
  const target = targets[0] ?? '<target>'
  const plain = target.includes('*') ? `<target like ${target}>` : target
  return { brings, command: `prov op submit ${type} ${plain}`, who: proposer }
}

function opCause(row: OpRow): Cause {
  const text = row.phase === 'held' ? `${row.why}; needs ${row.needs ?? 'a vote'}` : row.why
  const because = (row.evidence ?? []).map((one) =>
    cause('evidence', 'op', one.outcome, evidenceText(one)),
  )
  return { ...cause(row.id, 'op', row.phase, text), because }
}

function opRemedies(row: OpRow): readonly Remedy[] {
  const { id, phase, by, remedy, code } = row
  if (phase === 'held') {
    const command = `prov op approve ${id} --actor <name>`
    return [{ brings: `${id} approved`, command, who: `a person other than ${by}` }]
  }
  if (phase === 'in_doubt') {
    const command = `prov op resolve ${id} --as applied|failed --reason "…" --actor <name>`
    return [{ brings: 'its outcome said', command, who: `a person other than ${by}` }]
  }
  if (code === 'PROV_OP_CLOCKS_APART') {
    const who = 'whoever runs the machines of keeper and controller'
    return [{ brings: `${id} signed in time`, command: 'timedatectl set-ntp true', who }]
  }
  if (remedy !== undefined) return [{ brings: 'another try', command: remedy, who: by }]
  return []
}

function opsMoving(model: WorkspaceModel, dimension: string, from: string) {
  return model.opTypes.filter(({ achieves }) =>
    achieves.some((move) => move.dimension === dimension && move.from === from),
  )
}

function unique(remedies: readonly Remedy[]): readonly Remedy[] {
  return [...new Map(remedies.map((remedy) => [remedy.command, remedy])).values()]
}
