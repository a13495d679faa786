/** What the `op` commands and read models refuse by themselves; the rest is the op contract's. @module */
import { defineErrors } from 'prov'

export const askErrors = defineErrors<{
  PROV_OP_NOT_FOUND: { id: string; near?: string }
  PROV_OP_AMBIGUOUS: { id: string; matches: readonly string[] }
  PROV_OP_PARAM_INVALID: { param: string }
  PROV_OP_DURATION_INVALID: { flag: string; text: string }
}>({
  PROV_OP_NOT_FOUND: {
    disposition: 'usage',
    text: ({ id, near }) =>
      `there is no operation ${id}${near === undefined ? '' : `; did you mean ${near}?`}`,
    remedy: 'run `prov op list` to see the operations there are; the start of an id is enough',
  },
  PROV_OP_AMBIGUOUS: {
    disposition: 'usage',
    text: ({ id, matches }) => `${id} is the start of several operations: ${matches.join(', ')}`,
    remedy: 'type a few more characters; `prov op list` shows how many are needed',
  },
  PROV_OP_PARAM_INVALID: {
    disposition: 'usage',
    text: ({ param }) => `"${param}" is not a parameter: it must read name=value`,
    remedy: 'write `--param replicas=3`; a value that is JSON is taken as JSON',
  },
  PROV_OP_DURATION_INVALID: {
    disposition: 'usage',
    text: ({ flag, text }) => `--${flag} "${text}" is not a time span`,
    remedy: 'write a number with its unit: `30s`, `10m`, `2h`, `7d`; `prov op submit --help`',
  },
})
