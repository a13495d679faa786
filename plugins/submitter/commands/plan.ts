/**
 * `prov op plan`: what `op submit` would sign, and how the policy in force would judge it. Reads
 * only: no key, no lock, no runtime.
 *
 * @module
 */
import { defineCommand, fields, isComponentRun, section, table } from 'prov'
import type { OpBody, OpRun, Paint, RuleTrace, StateVector } from 'prov'
import { proposalFlags, proposalOf } from './proposal.ts'

/** What the read model `plan` answers. */
export interface PlanView {
  readonly body: OpBody
  readonly digest: string
  readonly state: StateVector
  /** Why it could not be claimed as things stand; empty when nothing is in its way. */
  readonly obstacles: readonly { readonly code: string; readonly message: string }[]
  readonly policy: {
    readonly version: number | null
    readonly verdict: 'deny' | 'hold' | 'auto-sign'
    readonly rule: string | null
    readonly why: string
    readonly trace: readonly RuleTrace[]
  }
}

export const command = defineCommand({
  pattern: 'op plan <type> <target>',
  describe: 'show what would be signed, what it would move and how policy judges it',
  group: 'Operations',
  examples: [['prov op plan deploy app-cluster/cert-manager', 'look before submitting']],
  flags: proposalFlags,
  run: async (flags, { read, actor }) =>
    (await read('plan', { ...proposalOf(flags, actor) })) as PlanView,
  render: (plan, paint, format) => planLines(plan, paint, format),
  exitCode: ({ obstacles }) => (obstacles.length > 0 ? 3 : 0),
})

export function planLines(plan: PlanView, paint: Paint, format: 'text' | 'md'): readonly string[] {
  const { body, digest, state, policy, obstacles } = plan
  const look = { paint, format } as const
  const verdict = { deny: paint.bad, hold: paint.warn, 'auto-sign': paint.good }[policy.verdict]
  return [
    paint.bold(`${body.type} ${body.target}`),
    ...fields([...bodyFields(body, state), ['digest', [digest, paint.dim]]], look),
    ...section(
      'Policy',
      [
        ...fields([[policy.verdict, [policy.why, verdict]]], look),
        ...traceLines(policy.trace, paint, format),
      ],
      look,
    ),
    ...section(
      'In the way now',
      obstacles.map(({ code, message }) => `  ${paint.bad(message)}  ${paint.dim(code)}`),
      look,
    ),
  ]
}

/** What a body says, for people. */
export function bodyFields(
  body: OpBody,
  state: StateVector,
): readonly (readonly [string, string | undefined])[] {
  const list = (items: readonly string[]) => (items.length === 0 ? undefined : items.join(', '))
  const moves = body.achieves.map(({ dimension, from, to }) => `${dimension}: ${from} → ${to}`)
  return [
    ['moves', moves.length === 0 ? undefined : moves.join('\n')],
    ['gains', list(body.gains)],
    ['loses', list(body.loses)],
    ['gates', list(body.requires)],
    ['runs', body.run && runText(body.run)],
    ['image', body.image],
    ['params', body.params && JSON.stringify(body.params)],
    ['scope', list(body.scope)],
    ['destructive', body.destructive ? 'yes' : undefined],
    ['state', list(Object.entries(state).map(([id, version]) => `${id}@${version}`))],
  ]
}

function runText(run: OpRun): string {
  if (isComponentRun(run)) return `${run.component}, inside Prov`
  return `${run.steps.map(({ id }) => id).join(', ')} on ${run.provider}`
}

export function traceLines(
  trace: readonly RuleTrace[],
  paint: Paint,
  format: 'text' | 'md',
): readonly string[] {
  return table(
    trace.map(({ rule, effect, matched, why }) => [
      rule,
      effect,
      matched ? (['matches', paint.bold] as const) : (['no', paint.dim] as const),
      // A field that asks nothing explains nothing.
      why
        .split('; ')
        .filter((part) => !part.endsWith(' is taken by *'))
        .join('\n') || 'asks nothing',
    ]),
    { paint, format, head: ['rule', 'would', 'match', 'why'] },
  )
}
