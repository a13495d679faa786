/**
 * What a proposal would become: the body that gets signed, the state it counts on, what is in its
 * way now and how the policy in force would judge it. Nothing is signed or written.
 *
 * @module
 */
import { defined, defineRead, opDigest, opErrors } from 'prov'
import type { ActorKind, JsonObject, OpBody, ProvError, RuleTrace, StateVector } from 'prov'
import {
  compilePolicy,
  emptyPolicy,
  matchPolicy,
  readPolicy,
  ruleName,
  traceLines,
} from '../../../policies/index.ts'
import { judgeGates } from '../conditions.ts'
import { positionOf } from '../model.ts'
import { now } from '../now.ts'
import type { Now } from '../now.ts'
import { bodyOf, brought } from '../ops.ts'
import type { OpRequest } from '../ops.ts'

export interface PlanView {
  readonly body: OpBody
  readonly digest: string
  /** Version of every dimension that it moves (D-32). */
  readonly state: StateVector
  readonly obstacles: readonly { readonly code: string; readonly message: string }[]
  readonly policy: {
    readonly version: number | null
    readonly verdict: 'deny' | 'hold' | 'auto-sign'
    readonly rule: string | null
    readonly why: string
    readonly trace: readonly RuleTrace[]
  }
}

interface PlanArgs {
  readonly request: OpRequest
  readonly as: string | undefined
}

export const read = defineRead<PlanArgs, PlanView>({
  name: 'plan',
  describe: 'body, digest, state vector and policy verdict of a proposal; signs nothing',
  args: ({ type, target, image, params, scope, as }) => ({
    request: defined({
      type: textOr(type) ?? '',
      target: textOr(target) ?? '',
      image: textOr(image),
      params: typeof params === 'object' ? (params as JsonObject) : undefined,
      scope: Array.isArray(scope) ? scope.map(String) : undefined,
    }),
    as: textOr(as),
  }),
  async run({ request, as }, context) {
    const stand = await now(context)
    const more = await brought(stand.model, request, context)
    const body = bodyOf(stand.model, stand.standing, request, more)
    const enrolled = as === undefined ? [] : ((await context.read('enrolled')) as Known)
    const kind = enrolled.find(({ actor }) => actor === as)?.kind
    return {
      body,
      digest: opDigest(body),
      state: vectorOf(stand, body),
      obstacles: obstaclesOf(stand, body).map(({ code, message }) => ({ code, message })),
      policy: judged(stand, body, {
        atMs: context.clock.now(),
        actor: as === undefined ? undefined : { name: as, kind: kind ?? 'human' },
      }),
    }
  },
})

type Known = readonly { readonly actor: string; readonly kind: ActorKind }[]

const textOr = (value: unknown) => (typeof value === 'string' ? value : undefined)

/** What it moves. Gates are no versions: the controller judges them again when it claims. */
function vectorOf(stand: Now, body: OpBody): StateVector {
  const dimensions = new Set(body.achieves.map(({ dimension }) => dimension))
  return Object.fromEntries(
    stand.model.dimensions
      .filter(({ id }) => dimensions.has(id))
      .map((dimension) => [dimension.id, positionOf(dimension, stand.standing).version]),
  )
}

/** Why the controller would refuse it if it came now. */
function obstaclesOf({ model, standing }: Now, body: OpBody): readonly ProvError[] {
  const op = '(proposed)'
  const found: ProvError[] = []
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

function judged(
  { ops }: Now,
  body: OpBody,
  at: {
    readonly atMs: number
    readonly actor: { readonly name: string; readonly kind: ActorKind } | undefined
  },
): PlanView['policy'] {
  const reading = ops.policy ? readPolicy(ops.policy.policy) : undefined
  const policy = reading?.ok === true ? reading.policy : emptyPolicy
  const { type: opType, target, image, scope, destructive } = body
  const subject = { opType, target, image, scope, destructive, ...at }
  const decision = matchPolicy(compilePolicy(policy), subject)
  const manual = ops.mode === 'manual' && decision.verdict === 'auto-sign'
  return {
    version: ops.policy?.version ?? null,
    verdict: manual ? 'hold' : decision.verdict,
    rule: decision.by ? ruleName(decision.by) : null,
    why: ops.policy
      ? manual
        ? `${decision.why}, but the keeper is in manual mode`
        : decision.why
      : 'no policy is in force, so everything is held',
    trace: traceLines(decision),
  }
}
