/** `prov validate-keeper-policy`: `policy lint` under the name that CI jobs and timers know it by. @module */
import { defineCommand } from 'prov'
import { command as lint } from './policy-lint.ts'

export const command = defineCommand({
  ...lint,
  pattern: 'validate-keeper-policy',
  describe: 'check that the policy file is a policy: the same as `policy lint`',
  examples: [
    ['prov validate-keeper-policy', 'exit 0 when it is one, 1 when it is none'],
    ['prov validate-keeper-policy --strict --json', 'exit 3 also on advice'],
  ],
})
