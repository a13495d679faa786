/** `prov op reject`: a person says no to a held operation, with a reason. @module */
import { defineCommand } from 'prov'
import { exitCodeOf } from './end.ts'
import { vote, voteFlags, voteLines } from './vote.ts'

export const command = defineCommand({
  pattern: 'op reject <id>',
  describe: 'say no to a held operation; the reason goes into the ledger',
  group: 'Operations',
  examples: [
    ['prov op reject op_01jd4q0v9m3k --actor bob --reason "not on a Friday"', 'ends it for good'],
  ],
  flags: {
    ...voteFlags,
    reason: { type: 'string', required: true, describe: 'why; goes into the ledger' },
  },
  writes: true,
  run: (flags, context) => vote({ ...flags, decision: 'reject' }, context),
  render: voteLines,
  // Saying no worked when it is refused afterwards; anything else reads as it stands.
  exitCode: (voted) => (voted.dryRun || voted.phase === 'refused' ? 0 : exitCodeOf(voted)),
})
