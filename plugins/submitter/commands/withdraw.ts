/** `prov op withdraw`: the one who asked takes it back, before anything was touched. @module */
import { defineCommand, submissions } from 'prov'
import type { OpRow } from 'prov'
import { exitCodeOf, standingLines, standingOf } from './end.ts'
import type { OpStanding } from './end.ts'
import { mirrored } from './drive.ts'
import { operations } from './known.ts'

export const command = defineCommand({
  pattern: 'op withdraw <id>',
  describe: 'take an operation of your own back, as long as it was not claimed',
  group: 'Operations',
  examples: [['prov op withdraw op_01jd4q0v9m3k --reason "wrong cluster"', 'ends it unexecuted']],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'id, or the start of it',
      complete: operations({ open: true }),
    },
    reason: { type: 'string', required: true, describe: 'why; goes into the ledger' },
  },
  writes: true,
  async run({ id, reason }, context): Promise<OpStanding & { readonly dryRun: boolean }> {
    const row = (await context.read('op', { id })) as OpRow
    if (context.dryRun) return { ...standingOf(row), dryRun: true }
    const runtime = await context.runtime()
    await runtime.service(submissions).withdraw({ op: row.id, as: context.actor, reason })
    await mirrored(runtime, context)
    return { ...standingOf((await runtime.read('op', { id: row.id })) as OpRow), dryRun: false }
  },
  render: (data, paint, format) => [
    ...(data.dryRun ? [paint.warn('would withdraw it; nothing was changed')] : []),
    ...standingLines(data, paint, format),
  ],
  exitCode: (data) => (data.phase === 'withdrawn' || data.dryRun ? 0 : exitCodeOf(data)),
})
