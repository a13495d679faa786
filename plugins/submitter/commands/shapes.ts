/** What commands about operations print with `--json`. @module */
import { opPhases, shape } from 'prov'
import type { ShapeTable } from 'prov'

const { count, data, either, flag, list, maybe, number, object, printed, record, text, word } =
  shape

const phase = word(...opPhases)
const outcome = word('applied', 'held', 'refused', 'failed', 'unknown', 'withdrawn', 'expired')
const verdict = word('deny', 'hold', 'auto-sign')

const transition = { dimension: text, from: text, to: text }

/** How an operation stands when a command returns. */
const standing = {
  op: text,
  type: text,
  target: text,
  phase,
  why: text,
  moves: list(text),
  next: list(text),
}
const perhaps = { outcome, code: text }

const run = either(
  object(
    {
      provider: text,
      steps: list(
        object(
          { id: text, script: text },
          {
            dependsOn: list(text),
            timeoutMs: number,
            attempts: count,
            giveUpOn: list(count),
            undo: text,
          },
        ),
      ),
    },
    { tier: word('s', 'm', 'l', 'xl'), priority: count },
  ),
  object({ component: text }),
)

const body = object(
  {
    type: text,
    target: text,
    scope: list(text),
    destructive: flag,
    achieves: list(object(transition)),
    gains: list(text),
    loses: list(text),
    requires: list(text),
  },
  { image: text, params: data, inverse: text, compensates: text, run },
)

const trace = list(object({ rule: text, effect: verdict, matched: flag, why: text }))

const changes = list(
  object(
    {
      what: word('dimension', 'capability', 'gate', 'content', 'step'),
      id: text,
      from: maybe(text),
      to: maybe(text),
      because: text,
    },
    { diff: list(text) },
  ),
)
const obstacles = list(object({ code: text, message: text }))

/** Also what `op plan --out` writes. */
const plan = object({
  kind: word('prov-plan'),
  version: count,
  workspace: text,
  journal: maybe(text),
  proposal: object({ type: text, target: text }, { image: text, params: data, scope: list(text) }),
  body,
  op_digest: text,
  state: record(count),
  changes,
  empty: flag,
  obstacles,
  policy: object({
    version: maybe(count),
    digest: maybe(text),
    verdict,
    rule: maybe(text),
    why: text,
    trace,
  }),
  digest: text,
})

const vote = object(
  {
    actor: text,
    kid: text,
    decision: word('approve', 'reject'),
    custody: word('shared', 'separate'),
    reason: text,
    vote: text,
  },
  { until: number, plan: text, policy: text },
)

const evidence = object(
  {
    at: text,
    epoch: count,
    what: word('run', 'step', 'undo', 'machine'),
    outcome: word('applied', 'failed'),
    message: text,
    detail: data,
    evidence: text,
  },
  { step: text },
)

const operation = object(
  {
    id: text,
    type: text,
    target: text,
    phase,
    why: text,
    by: text,
    kid: text,
    body,
    digest: text,
    intent: text,
    expected: record(count),
    expires: count,
    submittedAt: text,
    changedAt: text,
    votes: list(vote),
    notes: list(object({ phase, at: text, why: text }, { code: text })),
  },
  {
    outcome,
    code: text,
    remedy: text,
    plan: text,
    verdict,
    rule: maybe(text),
    trace,
    policy: text,
    needs: text,
    voided: list(text),
    seq: count,
    keeperEpoch: count,
    glass: object({ by: text, kid: text, reason: text, rule: text, until: number }),
    providerToken: text,
    claim: text,
    writes: list(text),
    moves: list(object({ ...transition, version: count })),
    detail: data,
    evidence: list(evidence),
  },
)

const summary = object(
  {
    op: text,
    type: text,
    target: text,
    phase,
    why: text,
    by: text,
    submittedAt: text,
    changedAt: text,
    ageMs: number,
  },
  {
    outcome,
    code: text,
    needs: text,
    glass: object({ by: text, reviewed: flag }),
    compensates: text,
  },
)

const voted = printed(
  1,
  object(
    {
      ...standing,
      decision: word('approve', 'reject'),
      as: maybe(text),
      counted: flag,
      dryRun: flag,
      said: text,
      plan: object({ changes, obstacles }),
      binds: object({
        op_digest: text,
        plan_digest: maybe(text),
        policy_digest: maybe(text),
      }),
    },
    perhaps,
  ),
)

const ended = printed(1, object({ ...standing, dryRun: flag }, perhaps))

export const shapes: ShapeTable = {
  'op plan': printed(1, plan),
  'op submit': printed(
    1,
    either(
      object({ ...standing, duplicate: flag }, perhaps),
      // A dry run, and where nothing would change.
      object({ dryRun: flag, submitted: flag, plan }),
    ),
  ),
  'op list': printed(1, list(summary)),
  'op show': printed(1, operation),
  'op wait': printed(
    1,
    object(
      {
        ...standing,
        timedOut: flag,
        blocks: object({
          unblock: list(text),
          remedies: list(object({ command: text, brings: text, who: text })),
        }),
      },
      perhaps,
    ),
  ),
  'op approve': voted,
  'op reject': voted,
  'keeper approve': voted,
  'keeper reject': voted,
  'op withdraw': ended,
  'op compensate': printed(1, either(object(standing, perhaps), object({ dryRun: flag, plan }))),
  'op resolve': ended,
}
