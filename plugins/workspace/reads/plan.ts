/**
 * What a proposal would become, as a plan: the body that gets signed, the state it counts on, what it
 * would change and why, what is in its way now and how the policy in force would judge it. With `op`,
 * the same about an operation that was submitted already. Nothing is signed or written.
 *
 * @module
 */
import { audienceOf, defined, defineRead, opDigest, planFileDigest } from 'prov'
import type { ActorKind, JsonObject, OpBody, OpPlan, OpRow, ReadContext } from 'prov'
import {
  compilePolicy,
  emptyPolicy,
  matchPolicy,
  readPolicy,
  ruleName,
  subjectOf,
  traceLines,
} from '../../../policies/index.ts'
import { now } from '../now.ts'
import type { Now } from '../now.ts'
import { bodyOf, brought } from '../ops.ts'
import type { OpRequest } from '../ops.ts'
import { changesOf, isEmpty, obstaclesOf, vectorOf } from '../plan.ts'

interface PlanArgs {
  readonly request: OpRequest
  /** An operation that was submitted: its body, as it was signed. */
  readonly op: string | undefined
  readonly as: string | undefined
}

export const read = defineRead<PlanArgs, OpPlan>({
  name: 'plan',
  describe: 'what a proposal, or the operation `op`, would change, and how policy judges it',
  args: ({ type, target, image, params, as, op }) => ({
    request: defined({
      type: textOr(type) ?? '',
      target: textOr(target) ?? '',
      image: textOr(image),
      params: typeof params === 'object' ? (params as JsonObject) : undefined,
    }),
    op: textOr(op),
    as: textOr(as),
  }),
  async run({ request, op, as }, context) {
    const stand = await now(context)
    const row = op === undefined ? undefined : ((await context.read('op', { id: op })) as OpRow)
    const body = row?.body ?? (await proposed(stand, request, context))
    const actor = row?.by ?? as
    const enrolled = actor === undefined ? [] : ((await context.read('enrolled')) as Known)
    const kind = enrolled.find((one) => one.actor === actor)?.kind
    const { type, target, image, params } = row?.body ?? request
    const plan = {
      kind: 'prov-plan',
      version: 1,
      workspace: context.files.name,
      journal: context.journal ? await audienceOf(context.journal) : null,
      proposal: defined({ type, target, image, params }),
      body,
      op_digest: opDigest(body),
      state: row?.expected ?? vectorOf(stand, body),
      changes: changesOf(stand, body),
      empty: isEmpty(stand, body),
      obstacles: obstaclesOf(stand, body, row?.expected).map(({ code, message }) => ({
        code,
        message,
      })),
      policy: judged(stand, body, {
        atMs: context.clock.now(),
        by: actor === undefined ? undefined : { actor, kind: kind ?? 'human' },
      }),
    } as const
    return { ...plan, digest: planFileDigest(plan) }
  },
})

type Known = readonly { readonly actor: string; readonly kind: ActorKind }[]

const textOr = (value: unknown) => (typeof value === 'string' ? value : undefined)

async function proposed(stand: Now, request: OpRequest, context: ReadContext): Promise<OpBody> {
  const more = await brought(stand.model, request, context)
  const body = bodyOf(stand.model, stand.standing, request, more)
  // Plain data: what has no value has no key, so the digest is the one that gets signed.
  return JSON.parse(JSON.stringify(body)) as OpBody
}

function judged(
  { ops }: Now,
  body: OpBody,
  {
    atMs,
    by,
  }: {
    readonly atMs: number
    readonly by: { readonly actor: string; readonly kind: ActorKind } | undefined
  },
): OpPlan['policy'] {
  const reading = ops.policy ? readPolicy(ops.policy.policy) : undefined
  const policy = reading?.ok === true ? reading.policy : emptyPolicy
  const decision = matchPolicy(compilePolicy(policy), subjectOf(body, by, atMs))
  const manual = ops.mode === 'manual' && decision.verdict === 'auto-sign'
  return {
    version: ops.policy?.version ?? null,
    digest: ops.policy?.digest ?? null,
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
