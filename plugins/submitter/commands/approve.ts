/** `prov op approve`: a person agrees to a held operation. @module */
import { defineCommand, opErrors } from 'prov'
import { exitCodeOf } from './end.ts'
import { durationOf } from './proposal.ts'
import { vote, voteFlags, voteLines } from './vote.ts'

/** Neither why nor for how long is ever guessed. Throws PROV_OP_REASON_MISSING, PROV_CLI_*. */
function glassOf(op: string, reason: string | undefined, time: string | undefined) {
  if (reason === undefined || reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
  return durationOf('for', time ?? '')
}

export const command = defineCommand({
  pattern: 'op approve <id>',
  describe: 'agree to a held operation with a key of your own, and follow it to its end',
  group: 'Operations',
  examples: [
    ['prov op approve op_01jd4q0v9m3k --actor bob', 'bob agrees; the requester cannot'],
    [
      'prov op approve op_01jd4q0v9m3k --actor bob --break-glass --for 15m --reason "site is down"',
      'bob stands for all who are asked for, where the policy lets him; seen until reviewed',
    ],
  ],
  flags: {
    ...voteFlags,
    reason: {
      type: 'string',
      describe: 'goes into the ledger with the vote; "agreed" when absent',
    },
    'break-glass': {
      type: 'boolean',
      default: false,
      describe: 'let it go alone, where the policy lets you; another person reviews it afterwards',
    },
    for: { type: 'string', describe: 'how long a broken glass lasts: it is claimed until then' },
  },
  writes: true,
  run: ({ reason, 'break-glass': breaks, for: time, ...flags }, context) => {
    const breakGlassMs = breaks ? glassOf(flags.id, reason, time) : undefined
    const request = { ...flags, reason: reason ?? 'agreed', breakGlassMs }
    return vote({ ...request, decision: 'approve' }, context)
  },
  render: voteLines,
  exitCode: (voted) => (voted.dryRun ? 0 : exitCodeOf(voted)),
})
