/** `prov keeper review`: somebody who had no part in it looked at a broken glass (SAFE-14). @module */
import { defineCommand, keeperDesk, opErrors } from 'prov'
import type { OpRow } from 'prov'
import type { KeeperView } from '../reads/keeper.ts'
import { mustBePerson } from './person.ts'

interface Reviewed {
  readonly op: string
  /** Null when nothing was signed. */
  readonly by: string | null
}

export const command = defineCommand({
  pattern: 'keeper review <id>',
  describe: 'say that you looked at an operation whose glass was broken; it is flagged until then',
  group: 'Operations',
  examples: [
    [
      'prov keeper review op_01jd4q0v9m3k --actor carol --reason "the site was down"',
      'neither who broke it nor who asked',
    ],
  ],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'id, or the start of it',
      complete: { read: 'ops', value: 'op', says: ['phase', 'type', 'target'] },
    },
    reason: { type: 'string', required: true, describe: 'what you found, for the ledger' },
  },
  writes: true,
  async run({ id, reason }, context): Promise<Reviewed> {
    const { id: op } = (await context.read('op', { id })) as OpRow
    if (context.dryRun) {
      await mustBePerson(context)
      const { unreviewed } = (await context.read('keeper')) as KeeperView
      const actor = context.actor ?? 'nobody'
      const what = 'no glass was broken for it that nobody reviewed'
      if (!unreviewed.some((one) => one.op === op))
        throw opErrors.PROV_OP_REVIEW({ op, actor, what })
      return { op, by: null }
    }
    const runtime = await context.runtime()
    const { by } = await runtime.service(keeperDesk).review({ op, reason, as: context.actor })
    return { op, by }
  },
  render: ({ op, by }, paint) => [
    by === null ? `would sign a review of ${op}` : paint.good(`${op} is reviewed, by ${by}`),
  ],
})
