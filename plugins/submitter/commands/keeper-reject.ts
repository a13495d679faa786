/** `prov keeper reject`: the same act as `op reject` (D-29). @module */
import { defineCommand } from 'prov'
import { command as reject } from './reject.ts'

export const command = defineCommand({
  ...reject,
  pattern: 'keeper reject <id>',
  describe: 'the same as `op reject`',
  examples: [
    [
      'prov keeper reject op_01jd4q0v9m3k --actor bob --reason "not on a Friday"',
      'ends it for good',
    ],
  ],
})
