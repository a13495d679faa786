/** `prov op approve`: a person agrees to a held operation. @module */
import { defineCommand } from 'prov'
import { exitCodeOf } from './end.ts'
import { vote, voteFlags, voteLines } from './vote.ts'

export const command = defineCommand({
  pattern: 'op approve <id>',
  describe: 'agree to a held operation with a key of your own, and follow it to its end',
  group: 'Operations',
  examples: [['prov op approve op_01jd4q0v9m3k --actor bob', 'bob agrees; the requester cannot']],
  flags: {
    ...voteFlags,
    reason: { type: 'string', default: 'agreed', describe: 'goes into the ledger with the vote' },
  },
  writes: true,
  run: (flags, context) => vote({ ...flags, decision: 'approve' }, context),
  render: voteLines,
  exitCode: (voted) => (voted.dryRun ? 0 : exitCodeOf(voted)),
})
