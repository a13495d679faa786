/**
 * `prov op compensate`: proposes the declared inverse of an operation that was applied. It is an
 * operation like any other, judged by policy and held for people; the first one stays applied.
 *
 * @module
 */
import { defineCommand, submissions } from 'prov'
import type { CommandContext, OpPlan, OpRow, Proposal } from 'prov'
import type { OpSummary } from '../reads/ops.ts'
import { askErrors } from '../errors.ts'
import { driven, mirrored } from './drive.ts'
import { exitCodeOf, standingLines, standingOf } from './end.ts'
import type { OpStanding } from './end.ts'
import { planLines } from './plan-lines.ts'
import { durationOf } from './proposal.ts'
import { operations } from './known.ts'

type Compensated = OpStanding | { readonly dryRun: true; readonly plan: OpPlan }

export const command = defineCommand({
  pattern: 'op compensate <id>',
  describe: 'propose the declared inverse of an operation that was applied',
  group: 'Operations',
  examples: [
    ['prov op compensate op_01jd4q0v9m3k', 'a new operation, judged like any other'],
    ['prov op compensate op_01jd4q0v9m3k --dry-run', 'what it would do'],
  ],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'id, or the start of it',
      complete: operations({ phase: 'applied' }),
    },
    wait: { type: 'boolean', default: true, describe: 'follow it; --no-wait returns at once' },
    timeout: { type: 'string', default: '10m', describe: 'how long to follow it' },
  },
  writes: true,
  async run({ id, wait, timeout }, context): Promise<Compensated> {
    const row = (await context.read('op', { id })) as OpRow
    const timeoutMs = durationOf('timeout', timeout)
    await refuseSecond(row.id, context)
    const proposal = inverseOf(row, context.actor)
    // What cannot be is refused before any lock is taken.
    const plan = (await context.read('plan', { ...proposal })) as OpPlan
    if (context.dryRun) return { dryRun: true, plan }
    for (const { message } of plan.obstacles) context.progress(`in the way now: ${message}`)
    const runtime = await context.runtime()
    const { op } = await runtime.service(submissions).submit(proposal)
    if (wait) {
      await driven(runtime, op, context, timeoutMs)
      await mirrored(runtime, context)
    }
    return standingOf((await runtime.read('op', { id: op })) as OpRow)
  },
  render: (data, paint, format) =>
    'plan' in data ? planLines(data.plan, paint, format) : standingLines(data, paint, format),
  exitCode: (data) => ('plan' in data ? 0 : exitCodeOf(data)),
})

/** Throws PROV_OP_NOT_APPLIED, PROV_OP_NO_INVERSE. */
function inverseOf({ id, phase, body }: OpRow, as: string | undefined): Proposal {
  if (phase !== 'applied') throw askErrors.PROV_OP_NOT_APPLIED({ op: id, phase })
  const common = { as, target: body.target, compensates: id }
  if (body.type === 'dimension.transition') {
    // Back to where it came from, if the file knows that way.
    return { ...common, type: body.type, params: { to: body.achieves[0]?.from } }
  }
  if (body.inverse === undefined) throw askErrors.PROV_OP_NO_INVERSE({ op: id, type: body.type })
  const { image, params } = body
  return { ...common, type: body.inverse, image, params }
}

const inVain: readonly string[] = ['refused', 'failed', 'withdrawn', 'expired']

/** Throws PROV_OP_COMPENSATED when another one takes it back, unless that one ended in vain. */
async function refuseSecond(op: string, { read }: Pick<CommandContext, 'read'>): Promise<void> {
  const rows = (await read('ops')) as readonly OpSummary[]
  const second = rows.find((row) => row.compensates === op && !inVain.includes(row.phase))
  if (second) throw askErrors.PROV_OP_COMPENSATED({ op, by: second.op, phase: second.phase })
}
