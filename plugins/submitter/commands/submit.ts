/**
 * `prov op submit`: proposes an operation and stays until it ended or waits for a person. With no
 * daemon the runtime is opened here, under the writer lock (D-44).
 *
 * @module
 */
import { defineCommand, submissions } from 'prov'
import type { OpRow } from 'prov'
import { exitCodeOf, standingLines, standingOf } from './end.ts'
import type { OpStanding } from './end.ts'
import { planLines } from './plan.ts'
import type { PlanView } from './plan.ts'
import { durationOf, proposalFlags, proposalOf } from './proposal.ts'
import { driven, mirrored } from './drive.ts'

type Submitted =
  | (OpStanding & { readonly duplicate: boolean })
  | { readonly dryRun: true; readonly plan: PlanView }

export const command = defineCommand({
  pattern: 'op submit <type> <target>',
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
    [
      'prov op submit restart monitoring --dry-run',
      'show what would be signed and how policy judges it',
    ],
  ],
  flags: {
    ...proposalFlags,
    'op-id': { type: 'string', describe: 'own id: submitting it again gives the same answer' },
    expires: { type: 'string', default: '1d', describe: 'life of the intent, 7d at most' },
    wait: { type: 'boolean', default: true, describe: 'follow it; --no-wait returns at once' },
    timeout: { type: 'string', default: '10m', describe: 'how long to follow it' },
  },
  writes: true,
  async run(flags, context): Promise<Submitted> {
    const proposal = proposalOf(flags, context.actor)
    const expiresInMs = durationOf('expires', flags.expires)
    const timeoutMs = durationOf('timeout', flags.timeout)
    // Asked first also when it is meant: what cannot be is refused before any lock is taken.
    const plan = (await context.read('plan', { ...proposal })) as PlanView
    if (context.dryRun) return { dryRun: true, plan }
    for (const { message } of plan.obstacles) context.progress(`in the way now: ${message}`)
    const runtime = await context.runtime()
    const { op, duplicate } = await runtime
      .service(submissions)
      .submit({ ...proposal, opId: flags['op-id'], expiresInMs })
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
