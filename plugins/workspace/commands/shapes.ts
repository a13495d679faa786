/** What commands about the state of a workspace print with `--json`. @module */
import { opPhases, shape } from 'prov'
import type { ShapeTable } from 'prov'

const { count, flag, list, object, printed, ref, text, word } = shape

const gateStatus = word('open', 'partial', 'closed')
const category = word('Service', 'Api', 'Storage', 'Auth')

const dimension = object(
  {
    id: text,
    name: text,
    current: text,
    desired: text,
    reached: flag,
    version: count,
    blockers: list(text),
    catalysts: list(text),
    status: word('reached', 'blocked', 'ready', 'stuck'),
    pending: list(object({ op: text, to: text, phase: word(...opPhases) })),
  },
  { declared: text, doubtful: flag, edited: flag, movedBy: text },
)

const way = object(
  {
    dimension: text,
    from: text,
    to: text,
    towardsGoal: flag,
    operations: list(object({ type: text, target: text, waitsFor: list(text) })),
  },
  { condition: text, catalyst: text, blocker: text, horizon: text },
)

const gate = object(
  {
    id: text,
    name: text,
    status: gateStatus,
    condition: text,
    leaves: list(object({ leaf: text, met: flag, why: text })),
    unmet: list(text),
    stated: list(text),
  },
  { edge: object({ from: text, to: text }), carries: text },
)

/** What something waits for, and what that waits for. */
const cause = object({
  id: text,
  kind: word('gate', 'dimension', 'capability', 'count', 'op'),
  stands: text,
  text,
  because: list(ref('cause')),
})

const why = object(
  {
    id: text,
    kind: word('gate', 'dimension', 'op'),
    stands: text,
    clear: flag,
    cause: ref('cause'),
    unblock: list(text),
    remedies: list(object({ brings: text, command: text, who: text })),
  },
  {
    trace: list(
      object({ rule: text, effect: word('deny', 'hold', 'auto-sign'), matched: flag, why: text }),
    ),
  },
)

const project = object({ project: text, node: text, via: text, kind: text, note: text })

const connections = object({
  units: list(
    object({
      unit: text,
      external: flag,
      upstream: list(text),
      downstream: list(text),
      gates: list(object({ gate: text, from: text, status: gateStatus })),
    }),
  ),
  projects: object({
    upstream: list(project),
    downstream: list(project),
    peers: list(project),
  }),
})

const item = {
  id: text,
  title: text,
  kind: text,
  priority: word('High', 'Medium', 'Low'),
  status: text,
  detail: text,
  relatedAdrs: list(text),
}
const perhaps = { relatedDim: text, graduatesTo: text, created: text }

export const shapes: ShapeTable = {
  state: printed(1, list(dimension)),
  next: printed(1, list(way)),
  validate: printed(
    1,
    object({
      decision: text,
      verdict: word('Safe', 'Risky', 'Unsafe'),
      invariants_at_risk: list(text),
      edges: list(object({ from: text, to: text, kind: text })),
      reasons: list(text),
      strict: flag,
    }),
  ),
  connections: printed(1, connections),
  gates: printed(1, list(gate)),
  why: printed(1, why, { cause }),
  card: printed(
    1,
    object({
      workspace: text,
      kind: text,
      description: text,
      clusters: list(object({ id: text, type: text, region: text })),
      status: word('operational', 'partially_operational', 'not_operational'),
      open_gates: count,
      closed_gates: count,
      blocked: list(text),
    }),
  ),
  capabilities: printed(
    1,
    object({
      provides: list(
        object({
          id: text,
          name: text,
          category,
          from: word('manifest', 'operation'),
          there: flag,
          gates: list(text),
        }),
      ),
      requires: list(
        object({
          id: text,
          name: text,
          category,
          met: flag,
          impact: text,
          provision: text,
          gates: list(text),
        }),
      ),
    }),
  ),
  backlog: printed(1, list(object(item, perhaps))),
  'backlog show': printed(
    1,
    object(
      {
        ...item,
        gateImpact: list(object({ gate: text, now: text, after: text })),
        connections: list(object({ from: text, to: text })),
        operations: list(text),
      },
      { ...perhaps, dimension: object({ id: text, current: text, desired: text }) },
    ),
  ),
}
