/** `prov keeper approve`: the same act as `op approve`, for those who think of the keeper's desk (D-29). @module */
import { defineCommand } from 'prov'
import { command as approve } from './approve.ts'

export const command = defineCommand({
  ...approve,
  pattern: 'keeper approve <id>',
  describe: 'the same as `op approve`',
  examples: [
    ['prov keeper approve op_01jd4q0v9m3k --actor bob', 'bob agrees; the requester cannot'],
  ],
})
