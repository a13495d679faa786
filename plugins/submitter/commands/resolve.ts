/**
 * `prov op resolve`: a person looked at the target and says how an operation in doubt ended. Bound
 * to its claim, and not the requester's to say (D-32).
 *
 * @module
 */
import { controllerDesk, defineCommand, evidenceText } from 'prov'
import type { OpRow } from 'prov'
import { exitCodeOf, standingLines, standingOf } from './end.ts'
import type { OpStanding } from './end.ts'
import { mirrored } from './drive.ts'
import { operations } from './known.ts'

export const command = defineCommand({
  pattern: 'op resolve <id>',
  describe: 'say how an operation in doubt ended, after looking at the target yourself',
  group: 'Operations',
  examples: [
    [
      'prov op resolve op_01jd4q0v9m3k --as applied --reason "pod is up" --actor bob',
      'the dimension moves as it would have',
    ],
  ],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'id, or the start of it',
      complete: operations({ phase: 'in_doubt' }),
    },
    as: {
      type: 'string',
      required: true,
      choices: ['applied', 'failed'],
      describe: 'what you found at the target',
    },
    reason: { type: 'string', required: true, describe: 'what you saw; goes into the ledger' },
  },
  writes: true,
  async run({ id, as, reason }, context): Promise<OpStanding & { readonly dryRun: boolean }> {
    const row = (await context.read('op', { id })) as OpRow
    // Whoever says how it ended should have heard what is known.
    for (const one of row.evidence ?? []) context.progress(`evidence: ${evidenceText(one)}`)
    if (context.dryRun) return { ...standingOf(row), dryRun: true }
    const runtime = await context.runtime()
    await runtime
      .service(controllerDesk)
      .resolve({ op: row.id, as: context.actor, outcome: as, reason })
    await mirrored(runtime, context)
    return { ...standingOf((await runtime.read('op', { id: row.id })) as OpRow), dryRun: false }
  },
  render: (data, paint, format) => [
    ...(data.dryRun ? [paint.warn('would say how it ended; nothing was changed')] : []),
    ...standingLines(data, paint, format),
  ],
  // What a person said counts: "it failed" is an answer that was taken, not a failure to answer.
  exitCode: (data) => (data.dryRun || data.phase === 'failed' ? 0 : exitCodeOf(data)),
})
