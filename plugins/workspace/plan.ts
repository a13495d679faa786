/**
 * What an operation would bring about, line by line with the reason, and what is in its way: pure,
 * from what is declared, where things stand and what was applied before.
 *
 * @module
 */
import { isComponentRun, maskSecrets, opErrors } from 'prov'
import type { OpBody, OpRow, OpRun, PlanChange, ProvError, StateVector } from 'prov'
import { judgeGates } from './conditions.ts'
import type { GateVerdict } from './conditions.ts'
import { lineDiff } from './line-diff.ts'
import { positionOf } from './model.ts'
import type { Now } from './now.ts'
import { standingAfter } from './ops.ts'

type Stand = Pick<Now, 'model' | 'standing' | 'ops'>

/** Version of every dimension that it moves. Gates are no versions: they are judged at the claim. */
export function vectorOf({ model, standing }: Stand, body: OpBody): StateVector {
  const dimensions = new Set(body.achieves.map(({ dimension }) => dimension))
  return Object.fromEntries(
    model.dimensions
      .filter(({ id }) => dimensions.has(id))
      .map((dimension) => [dimension.id, positionOf(dimension, standing).version]),
  )
}

/** Everything that would be otherwise: dimensions, capabilities, gates, content, steps. */
export function changesOf(stand: Stand, body: OpBody): readonly PlanChange[] {
  const last = lastApplied(stand, body)
  return [
    ...dimensionChanges(stand, body),
    ...capabilityChanges(stand, body),
    ...gateChanges(stand, body),
    ...contentChanges(body, last),
    ...stepChanges(body),
  ]
}

/**
 * True when everything that it would bring about is there already. An operation that declares
 * nothing but work (a restart) is never empty: that it runs is the point.
 */
export function isEmpty(stand: Stand, body: OpBody): boolean {
  const { achieves, gains, loses } = body
  if (achieves.length + gains.length + loses.length === 0) return false
  const has = new Set(stand.standing.capabilities)
  const there =
    achieves.every(({ dimension, to }) => stateOf(stand, dimension) === to) &&
    gains.every((id) => has.has(id)) &&
    !loses.some((id) => has.has(id))
  if (!there) return false
  // Work of the same content was done before; without work there is nothing else to compare.
  const last = lastApplied(stand, body)
  return body.run === undefined || (last !== undefined && contentChanges(body, last).length === 0)
}

/** Why the controller would refuse it if it came now; `counted`: the versions that it counts on. */
export function obstaclesOf(
  { model, standing }: Stand,
  body: OpBody,
  counted: StateVector = {},
): readonly ProvError[] {
  const op = '(proposed)'
  const found: ProvError[] = []
  for (const [id, expected] of Object.entries(counted)) {
    const version = standing.positions[id]?.version ?? 0
    if (version === expected) continue
    const detail = { op, dimension: id, expected, found: version }
    found.push(opErrors.PROV_OP_VERSION_MOVED(detail))
  }
  for (const { dimension: id, from } of body.achieves) {
    const dimension = model.dimensions.find((one) => one.id === id)
    if (!dimension) continue
    const { state } = positionOf(dimension, standing)
    if (state === from) continue
    found.push(opErrors.PROV_OP_FROM_STATE({ op, dimension: id, expected: from, found: state }))
  }
  for (const { id, status, unmet } of judgeGates(model, standing)) {
    if (!body.requires.includes(id) || status === 'open') continue
    found.push(opErrors.PROV_OP_GATE_CLOSED({ op, gate: id, status, unmet }))
  }
  return found
}

function stateOf({ model, standing }: Stand, id: string): string | undefined {
  const dimension = model.dimensions.find((one) => one.id === id)
  return dimension && positionOf(dimension, standing).state
}

function dimensionChanges(stand: Stand, body: OpBody): readonly PlanChange[] {
  return body.achieves.flatMap(({ dimension: id, to }): readonly PlanChange[] => {
    const from = stateOf(stand, id) ?? null
    if (from === to) return []
    return [{ what: 'dimension', id, from, to, because: `${body.type} achieves it` }]
  })
}

function capabilityChanges({ standing }: Stand, body: OpBody): readonly PlanChange[] {
  const has = new Set(standing.capabilities)
  const what = 'capability' as const
  return [
    ...body.gains
      .filter((id) => !has.has(id))
      .map((id) => ({ what, id, from: null, to: 'there', because: `${body.type} brings it` })),
    ...body.loses
      .filter((id) => has.has(id))
      .map((id) => ({ what, id, from: 'there', to: null, because: `${body.type} takes it away` })),
  ]
}

function gateChanges({ model, standing }: Stand, body: OpBody): readonly PlanChange[] {
  const before = judgeGates(model, standing)
  const after = new Map(judgeGates(model, standingAfter(standing, body)).map((g) => [g.id, g]))
  return before.flatMap((gate): readonly PlanChange[] => {
    const then = after.get(gate.id)
    if (!then || then.status === gate.status) return []
    const because = turned(gate, then).join('; ')
    return [{ what: 'gate', id: gate.id, from: gate.status, to: then.status, because }]
  })
}

/** The leaves that hold afterwards and did not before, or the other way round. */
function turned(before: GateVerdict, after: GateVerdict): readonly string[] {
  const was = new Map(before.leaves.map(({ leaf, met }) => [leaf, met]))
  return after.leaves.filter(({ leaf, met }) => was.get(leaf) !== met).map(({ why }) => why)
}

/** The newest operation of that type and target that was applied. */
function lastApplied({ ops }: Stand, { type, target }: OpBody): OpRow | undefined {
  let found: OpRow | undefined
  for (const row of ops.ops.values()) {
    if (row.phase === 'applied' && row.type === type && row.target === target) found = row
  }
  return found
}

/** Image, parameters and work against those of the operation that was applied last. */
function contentChanges(body: OpBody, last: OpRow | undefined): readonly PlanChange[] {
  const before = contentOf(last?.body)
  const after = contentOf(body)
  const because = last ? `differs from ${last.id}, applied last` : 'nothing was applied before'
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((id): readonly PlanChange[] => {
    const [was, is] = [before.get(id), after.get(id)]
    if (was === is) return []
    const from = was === undefined ? null : firstLine(was)
    const to = is === undefined ? null : firstLine(is)
    const diff = lineDiff(was ?? '', is ?? '')
    return [{ what: 'content', id, from, to, because, diff }]
  })
}

/** Masked before it is compared: a plan never holds what it hides. */
function contentOf(body: OpBody | undefined): ReadonlyMap<string, string> {
  if (!body) return new Map()
  const { image, params, run } = body
  return new Map([
    ...(image === undefined ? [] : [['image', image] as const]),
    ...Object.entries(params ?? {}).map(
      ([name, value]) =>
        [
          `params.${name}`,
          maskSecrets(typeof value === 'string' ? value : JSON.stringify(value, null, 2)),
        ] as const,
    ),
    ...runContent(run),
  ])
}

function runContent(run: OpRun | undefined): readonly (readonly [string, string])[] {
  if (!run) return []
  if (isComponentRun(run)) return [['component', run.component]]
  const machine = run.tier === undefined ? run.provider : `${run.provider}, tier ${run.tier}`
  return [
    ['machine', machine],
    ...run.steps.flatMap(({ id, script, undo }) => [
      [`step ${id}`, maskSecrets(script)] as const,
      ...(undo === undefined ? [] : [[`undo ${id}`, maskSecrets(undo)] as const]),
    ]),
  ]
}

const firstLine = (text: string): string => {
  const [first = ''] = text.trim().split('\n')
  return first.length <= 60 && first === text.trim() ? first : `${first.slice(0, 59)}…`
}

function stepChanges({ run, type }: OpBody): readonly PlanChange[] {
  const what = 'step' as const
  if (!run) return []
  if (isComponentRun(run)) {
    const because = `${type} runs a component inside Prov`
    return [{ what, id: run.component, from: null, to: 'runs', because }]
  }
  return run.steps.map(({ id, dependsOn = [] }) => ({
    what,
    id,
    from: null,
    to: 'runs',
    because: dependsOn.length === 0 ? `${type} declares it` : `after ${dependsOn.join(', ')}`,
  }))
}
