/**
 * `prov op submit`: proposes an operation and stays until it ended or waits for a person. With no
 * daemon the runtime is opened here, under the writer lock (D-44). A plan that was reviewed is handed
 * in only while it is still what would be done; one that would change nothing makes no operation.
 *
 * @module
 */
import { defineCommand, submissions } from 'prov'
import type { CommandContext, OpPlan, OpRow } from 'prov'
import type { OpSummary } from '../reads/ops.ts'
import { exitCodeOf, standingLines, standingOf } from './end.ts'
import type { OpStanding } from './end.ts'
import { assertCurrent, readPlan } from './plan-file.ts'
import { planLines } from './plan-lines.ts'
import { durationOf, proposalFlags, proposalOf, proposalOfPlan } from './proposal.ts'
import { driven, mirrored } from './drive.ts'

type Submitted =
  | (OpStanding & { readonly duplicate: boolean })
  | { readonly dryRun: boolean; readonly submitted: false; readonly plan: OpPlan }

export const command = defineCommand({
  pattern: 'op submit [type] [target]',
  describe: 'propose an operation, and follow it to its end or until a person must decide',
  group: 'Operations',
  examples: [
    ['prov op submit deploy app-cluster/cert-manager', 'deploy a component of a unit'],
    [
      'prov op submit dimension.transition observability --param to=full_stack',
      'move a dimension by itself',
    ],
    [
      'prov op submit scale monitoring --param replicas=3 --no-wait',
      'hand it in and return at once',
    ],
    ['prov op submit --plan cert.plan', 'exactly what was reviewed, or nothing'],
    [
      'prov op submit restart monitoring --dry-run',
      'show what would be signed and how policy judges it',
    ],
  ],
  flags: {
    ...proposalFlags,
    plan: {
      type: 'string',
      describe: 'a plan that `op plan --out` kept; void once anything moved',
      complete: 'files',
    },
    'op-id': { type: 'string', describe: 'own id: submitting it again gives the same answer' },
    again: { type: 'boolean', describe: 'also when nothing would change: the work is done anew' },
    expires: { type: 'string', default: '1d', describe: 'life of the intent, 7d at most' },
    wait: { type: 'boolean', default: true, describe: 'follow it; --no-wait returns at once' },
    timeout: { type: 'string', default: '10m', describe: 'how long to follow it' },
  },
  writes: true,
  async run(flags, context): Promise<Submitted> {
    const { plan: file } = flags
    const planned = file === undefined ? undefined : await readPlan(context.cwd, file)
    const proposal =
      planned && file !== undefined
        ? proposalOfPlan(planned, file, flags, context.actor)
        : proposalOf(flags, context.actor)
    const opId = flags['op-id']
    const expiresInMs = durationOf('expires', flags.expires)
    const timeoutMs = durationOf('timeout', flags.timeout)
    // Asked first also when it is meant: what cannot be is refused before any lock is taken.
    const plan = (await context.read('plan', { ...proposal })) as OpPlan
    const known = opId !== undefined && (await isKnown(opId, context))
    if (planned && file !== undefined && !known) assertCurrent(file, planned, plan)
    const submitted = false as const
    if (context.dryRun) return { dryRun: true, submitted, plan }
    if (plan.empty && !known && !flags.again) return { dryRun: false, submitted, plan }
    for (const { message } of plan.obstacles) context.progress(`in the way now: ${message}`)
    const runtime = await context.runtime()
    const { op, duplicate } = await runtime
      .service(submissions)
      .submit({ ...proposal, opId, expiresInMs, plan: planned })
    if (duplicate) context.progress(`${op} was submitted before; this is its answer`)
    if (flags.wait) {
      await driven(runtime, op, context, timeoutMs)
      await mirrored(runtime, context)
    }
    return { ...standingOf((await runtime.read('op', { id: op })) as OpRow), duplicate }
  },
  render: (data, paint, format) =>
    'plan' in data ? planLines(data.plan, paint, format) : standingLines(data, paint, format),
  exitCode: (data) => ('plan' in data ? 0 : exitCodeOf(data)),
})

/** Submitted before: then its answer counts, whatever would be planned now. */
async function isKnown(op: string, { read }: Pick<CommandContext, 'read'>): Promise<boolean> {
  return ((await read('ops')) as readonly OpSummary[]).some((row) => row.op === op)
}
