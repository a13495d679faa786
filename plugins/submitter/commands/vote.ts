/**
 * A vote on a held operation: signed with a key of one's own, counted by the keeper alone (D-29).
 * `op approve` and `op reject` are the same act with another word.
 *
 * @module
 */
import { keeperDesk, section } from 'prov'
import type { CommandContext, Millis, OpPlan, OpRow, Paint } from 'prov'
import { standingLines, standingOf } from './end.ts'
import type { OpStanding } from './end.ts'
import { driven, mirrored } from './drive.ts'
import { changeLines } from './plan-lines.ts'
import { durationOf } from './proposal.ts'
import { operations } from './known.ts'

export interface Voted extends OpStanding {
  readonly decision: 'approve' | 'reject'
  readonly as: string | null
  /** False when nothing was counted: a dry run, or the keeper says why. */
  readonly counted: boolean
  readonly dryRun: boolean
  readonly said: string
  /** What it would change and what is in its way now: what the voter agrees to. */
  readonly plan: Pick<OpPlan, 'changes' | 'obstacles'>
  /** What the vote is bound to. */
  readonly binds: {
    readonly op_digest: string
    readonly plan_digest: string | null
    readonly policy_digest: string | null
  }
}

interface VoteRequest {
  readonly id: string
  readonly decision: 'approve' | 'reject'
  readonly reason: string
  readonly breakGlassMs?: Millis | undefined
  readonly wait: boolean
  readonly timeout: string
}

export async function vote(request: VoteRequest, context: CommandContext): Promise<Voted> {
  const { id, decision, reason, breakGlassMs, wait, timeout } = request
  const timeoutMs = durationOf('timeout', timeout)
  const row = (await context.read('op', { id })) as OpRow
  const binds = {
    op_digest: row.digest,
    plan_digest: row.plan ?? null,
    policy_digest: row.policy ?? null,
  }
  const plan = await votedOn(row.id, decision, context)
  const mine = { decision, as: context.actor ?? null, binds, plan } as const
  if (context.dryRun) {
    const how = breakGlassMs === undefined ? 'sign a vote' : 'break the glass'
    const said = `would ${how} to ${decision} ${row.type} ${row.target}; nothing was signed`
    return { ...standingOf(row), ...mine, counted: false, dryRun: true, said }
  }
  const runtime = await context.runtime()
  const answer = await runtime
    .service(keeperDesk)
    .vote({ op: row.id, as: context.actor, decision, reason, breakGlassMs })
  if (wait && answer.counted) await driven(runtime, row.id, context, timeoutMs)
  if (wait) await mirrored(runtime, context)
  const after = (await runtime.read('op', { id: row.id })) as OpRow
  const said = { counted: answer.counted, dryRun: false, said: answer.why }
  return { ...standingOf(after), ...mine, ...said }
}

/** A rejection must be possible also while the workspace cannot be read. */
async function votedOn(
  op: string,
  decision: VoteRequest['decision'],
  { read }: Pick<CommandContext, 'read'>,
): Promise<Voted['plan']> {
  const reading = read('plan', { op }) as Promise<OpPlan>
  const { changes, obstacles } =
    decision === 'approve'
      ? await reading
      : await reading.catch(() => ({ changes: [], obstacles: [] }))
  return { changes, obstacles }
}

export const voteLines = (voted: Voted, paint: Paint, format: 'text' | 'md'): readonly string[] => [
  voted.counted ? voted.said : paint.warn(voted.said),
  ...standingLines(voted, paint, format),
  ...section('What was voted on', changeLines(voted.plan.changes, paint, format), {
    paint,
    format,
  }),
]

export const voteFlags = {
  id: {
    type: 'string',
    required: true,
    describe: 'id, or the start of it',
    complete: operations({ phase: 'held' }),
  },
  wait: {
    type: 'boolean',
    default: true,
    describe: 'follow it to its end; --no-wait returns at once',
  },
  timeout: { type: 'string', default: '10m', describe: 'how long to follow it' },
} as const
